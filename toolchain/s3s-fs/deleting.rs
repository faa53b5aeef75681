//! DeleteObject and DeleteObjects with S3's meaning: what is not there is deleted already. Release 0.11 calls that an error,
//! and leaves the file behind that it keeps beside each object.

use crate::fs::FileSystem;

use s3s::dto::{DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, DeletedObject};
use s3s::{s3_error, S3Response, S3Result};

use std::fs::remove_file;
use std::io::ErrorKind;
use std::path::Path;

pub(crate) fn delete_one(files: &FileSystem, input: DeleteObjectInput) -> S3Result<S3Response<DeleteObjectOutput>> {
    delete(files, &input.bucket, &input.key)?;
    Ok(S3Response::new(DeleteObjectOutput::default()))
}

pub(crate) fn delete_many(files: &FileSystem, input: DeleteObjectsInput) -> S3Result<S3Response<DeleteObjectsOutput>> {
    let mut deleted = Vec::new();
    for object in input.delete.objects {
        delete(files, &input.bucket, &object.key)?;
        deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
    }
    Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() }))
}

fn delete(files: &FileSystem, bucket: &str, key: &str) -> S3Result<()> {
    gone(&files.get_object_path(bucket, key)?)?;
    gone(&files.get_metadata_path(bucket, key, None)?)?;
    gone(&files.get_internal_info_path(bucket, key)?)
}

fn gone(file: &Path) -> S3Result<()> {
    match remove_file(file) {
        // A key that names a folder of others names no object.
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory) => {
            Err(s3_error!(error, InternalError))
        }
        _ => Ok(()),
    }
}
