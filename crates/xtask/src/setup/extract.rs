//! Unpacks the wanted files of a wheel.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::Path;

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::SetupError;
use super::wheels::Flavour;

/// Unpacks from a wheel what the flavour keeps; checksums are verified on the way.
pub(super) fn wheel(wheel: &Path, flavour: Flavour, tree: &Path) -> Result<(), SetupError> {
    unpack(wheel, flavour, tree).map_err(|source| SetupError::Unpack {
        wheel: wheel.to_path_buf(),
        source,
    })
}

fn unpack(wheel: &Path, flavour: Flavour, tree: &Path) -> Result<(), ZipError> {
    let mut archive = ZipArchive::new(BufReader::new(File::open(wheel)?))?;
    for index in 0..archive.len() {
        let mut file = archive.by_index(index)?;
        if file.is_file() && flavour.keeps(file.name()) {
            unpack_file(&mut file, tree)?;
        }
    }
    Ok(())
}

fn unpack_file(file: &mut ZipFile<'_, BufReader<File>>, tree: &Path) -> Result<(), ZipError> {
    let Some(path) = file.enclosed_name() else {
        let what = format!("`{}` leads out of the wheel", file.name());
        return Err(io::Error::other(what).into());
    };
    let path = tree.join(path);
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    io::copy(file, &mut File::create(path)?)?;
    Ok(())
}
