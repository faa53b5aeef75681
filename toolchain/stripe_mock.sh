# shellcheck shell=bash
# Stripe's own stripe-mock, which knows the shape of every request and answer: for tests only, built from its Go module.

STRIPE_MOCK=$CACHE/bin/stripe-mock

stripe_mock_digest() { sha256sum "$TOOLCHAIN/stripe-mock/go.mod" | cut -d' ' -f1; }

stripe_mock_ready() { [[ -x $STRIPE_MOCK && $(stamp_read stripe-mock) == "$(stripe_mock_digest)" ]]; }

stripe_mock_why() {
  step "stripe-mock (built from its Go module, 1 to 2 min)"
  note "the tests ask it whether the API's calls are what Stripe takes"
}

stripe_mock_install() {
  if ! go_binary >/dev/null; then go_install; fi
  with_progress "compiling stripe-mock" stripe-mock \
    go_build "$TOOLCHAIN/stripe-mock" github.com/stripe/stripe-mock "$STRIPE_MOCK" ""
  stamp_write stripe-mock "$(stripe_mock_digest)"
}
