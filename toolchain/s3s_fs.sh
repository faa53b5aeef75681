# shellcheck shell=bash
# The S3 server of the dev stack's object store, compiled once per machine and kept as an image.

S3S_FS_IMAGE=nuggetwise/s3s-fs:0.11.1-2 # with what toolchain/s3s-fs/ has of ours

s3s_fs_ready() { timeout 20 docker image inspect -f '{{.Id}}' "$S3S_FS_IMAGE" >/dev/null 2>&1; }

s3s_fs_why() {
  step "S3 server s3s-fs (compiled from its sources, about 4 min on 2 cores)"
  note "the dev stack's backups bucket is served by it; kept as the image $S3S_FS_IMAGE"
}

s3s_fs_install() {
  need_space "$(docker info -f '{{.DockerRootDir}}')"
  with_progress "compiling s3s-fs" s3s-fs \
    docker build -t "$S3S_FS_IMAGE" -f "$TOOLCHAIN/s3s-fs/Dockerfile" "$CLONE"
  # The engine's own builder keeps the compiler's stage, 1.1 GB, as an image without a name.
  docker image prune --force --filter label=nuggetwise.image=s3s-fs-build >/dev/null
}
