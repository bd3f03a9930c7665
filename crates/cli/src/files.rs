//! Files that tools are told to read, and why one cannot be read, as Java tells it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use config::{InvalidProperties, PROPERTIES_BYTES_MAX, Properties};

use crate::failure::Failure;

/// Why there are no settings of a file.
enum NoProperties {
    File(io::Error),
    Text(InvalidProperties),
}

fn read(path: &Path) -> Result<Properties, NoProperties> {
    let mut bytes = Vec::new();
    let limit = PROPERTIES_BYTES_MAX as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    read.map_err(NoProperties::File)?;
    Properties::parse(&bytes).map_err(NoProperties::Text)
}

/// The settings of a file.
pub(crate) fn properties(path: impl AsRef<Path>) -> Result<Properties, Failure> {
    let path = path.as_ref();
    read(path).map_err(|error| match error {
        NoProperties::File(error) => unreadable(path, &error),
        NoProperties::Text(error) => Failure::argument(format!("{}: {error}", path.display())),
    })
}

/// The same for what the originals have no words for; the sentence names file and cause.
pub(crate) fn properties_or_sentence(path: impl AsRef<Path>) -> Result<Properties, String> {
    let path = path.as_ref();
    let shown = path.display();
    read(path).map_err(|error| match error {
        NoProperties::File(error) => format!("{shown} cannot be read: {error}"),
        NoProperties::Text(error) => format!("{shown}: {error}"),
    })
}

/// The text of a file. What is no UTF-8 is replaced; the originals have one sentence for all that may be wrong.
pub(crate) fn text(path: &str) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        let (_, hint) = unreadable(path, &error).apart();
        let failure = Failure::of_class("java.io.IOException", format!("Unable to read file {path}"));
        failure.with_hint(hint.unwrap_or_default())
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The failure of a file that cannot be read.
pub(crate) fn unreadable(path: impl AsRef<Path>, error: &io::Error) -> Failure {
    let shown = path.as_ref().display();
    let (exception, message) = match error.kind() {
        io::ErrorKind::NotFound => ("java.nio.file.NoSuchFileException", shown.to_string()),
        io::ErrorKind::PermissionDenied => ("java.nio.file.AccessDeniedException", shown.to_string()),
        io::ErrorKind::IsADirectory => ("java.io.IOException", "Is a directory".to_owned()),
        _ => ("java.io.IOException", error.to_string()),
    };
    let why = match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        _ => error.to_string(),
    };
    Failure::of_class(exception, message).with_hint(format!("{shown} cannot be read: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_file_is_told_as_by_java_and_once_more_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("a");
        let shown = inside.display();
        let told = properties(inside.to_str().unwrap()).unwrap_err().to_string();
        assert_eq!(
            told,
            format!(
                "java.nio.file.NoSuchFileException: {shown}\nnaru: {shown} cannot be read: there is no such file"
            )
        );
        let told = properties(folder.path().to_str().unwrap()).unwrap_err().to_string();
        assert!(told.starts_with("java.io.IOException: Is a directory\nnaru: "), "{told}");
        let told = text(inside.to_str().unwrap()).unwrap_err().to_string();
        assert!(
            told.starts_with(&format!("java.io.IOException: Unable to read file {shown}\nnaru: ")),
            "{told}"
        );
        let locked = unreadable("a", &io::ErrorKind::PermissionDenied.into()).to_string();
        assert_eq!(
            locked,
            "java.nio.file.AccessDeniedException: a\nnaru: a cannot be read: this user may not read it"
        );
        std::fs::write(&inside, b"a\xffb").unwrap();
        assert_eq!(text(inside.to_str().unwrap()), Ok("a\u{fffd}b".to_owned()));
    }
}
