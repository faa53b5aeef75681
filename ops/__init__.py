"""The everyday commands of a dev stack (`make up`, `make down`, ...). `pulumi` itself works beside them."""
