//! ListObjectsV2 with S3's meaning of a delimiter: folders are told apart from objects. Release 0.11 takes no notice of
//! it, and reads the whole bucket for each answer; here only folders are read that may hold what is asked for.

use crate::fs::FileSystem;

use s3s::dto::{CommonPrefix, ListObjectsV2Input, ListObjectsV2Output, Object, Timestamp};
use s3s::{s3_error, S3Response, S3Result};

use std::collections::BTreeSet;
use std::fs::{read_dir, DirEntry};
use std::io::{ErrorKind, Result};
use std::path::Path;

struct Found {
    prefix: String,
    grouped: bool,
    objects: Vec<Object>,
    folders: BTreeSet<String>,
}

pub(crate) fn list(files: &FileSystem, input: ListObjectsV2Input) -> S3Result<S3Response<ListObjectsV2Output>> {
    let bucket = files.get_bucket_path(&input.bucket)?;
    if !bucket.is_dir() {
        return Err(s3_error!(NoSuchBucket));
    }
    let grouped = match input.delimiter.as_deref() {
        None | Some("") => false,
        Some("/") => true,
        Some(_) => return Err(s3_error!(NotImplemented, "the only delimiter is /")),
    };
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut found = Found { prefix, grouped, objects: Vec::new(), folders: BTreeSet::new() };
    if let Err(error) = found.read(&bucket, "") {
        return Err(s3_error!(error, InternalError));
    }
    found.objects.sort_by(|one, other| one.key.cmp(&other.key));
    let after = input.start_after.clone().unwrap_or_default();
    let objects: Vec<Object> = found.objects.into_iter().filter(|each| each.key.as_deref() > Some(after.as_str())).collect();
    let folders: Vec<CommonPrefix> = found.folders.into_iter().map(|prefix| CommonPrefix { prefix: Some(prefix) }).collect();
    let count = i32::try_from(objects.len() + folders.len()).ok();
    Ok(S3Response::new(ListObjectsV2Output {
        name: Some(input.bucket),
        prefix: input.prefix,
        delimiter: input.delimiter,
        encoding_type: input.encoding_type,
        key_count: count,
        max_keys: count,
        is_truncated: Some(false),
        contents: Some(objects),
        common_prefixes: Some(folders),
        ..Default::default()
    }))
}

impl Found {
    /// Everything below a folder, whose key ends with a slash, or is empty for the bucket itself.
    fn read(&mut self, folder: &Path, key: &str) -> Result<()> {
        for entry in entries(folder)? {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let key = format!("{key}{name}");
            if entry.file_type()?.is_dir() {
                let key = format!("{key}/");
                let inside = key.starts_with(&self.prefix);
                if inside && self.grouped && key != self.prefix {
                    if holds_an_object(&entry.path())? {
                        self.folders.insert(key);
                    }
                } else if inside || self.prefix.starts_with(&key) {
                    self.read(&entry.path(), &key)?;
                }
            } else if key.starts_with(&self.prefix) {
                let Ok(metadata) = entry.metadata() else { continue }; // deleted meanwhile
                self.objects.push(Object {
                    key: Some(key),
                    last_modified: Some(Timestamp::from(metadata.modified()?)),
                    size: i64::try_from(metadata.len()).ok(),
                    ..Default::default()
                });
            }
        }
        Ok(())
    }
}

/// A folder stays on the disk when its last object is deleted; S3 knows no such thing.
fn holds_an_object(folder: &Path) -> Result<bool> {
    let (folders, files): (Vec<_>, Vec<_>) =
        entries(folder)?.into_iter().partition(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    if !files.is_empty() {
        return Ok(true);
    }
    for entry in folders {
        if holds_an_object(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn entries(folder: &Path) -> Result<Vec<DirEntry>> {
    match read_dir(folder) {
        Ok(found) => found.collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}
