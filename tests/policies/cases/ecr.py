from policies.ecr import LIFECYCLE, REPOSITORY

from ..declared import Case, declared

API = declared(REPOSITORY, "api")

CASES = {
    "ECR.1": Case(
        [[declared(REPOSITORY, "api", {"imageScanningConfiguration": {"scanOnPush": True}})]],
        [[API], [declared(REPOSITORY, "api", {"imageScanningConfiguration": {"scanOnPush": False}})]],
    ),
    "ECR.2": Case(
        [[declared(REPOSITORY, "api", {"imageTagMutability": "IMMUTABLE"})]],
        [[API], [declared(REPOSITORY, "api", {"imageTagMutability": "MUTABLE"})]],
    ),
    "ECR.3": Case(
        [[API, declared(LIFECYCLE, "api", repository=API)]],
        [[API], [API, declared(LIFECYCLE, "ops", repository=declared(REPOSITORY, "ops"))]],
    ),
}
