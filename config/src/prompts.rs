//! What the switch says into calls: `prompts`, a folder of WAV files in place of those built in, and `tones`.

use std::fs::{self, File};
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use prompts::{Language, Prompt, Prompts};

use crate::check::Check;
use crate::field::Field;
use crate::reader::Table;

/// Largest prompt: the ten minutes that one may have, and its header.
const FILE_BYTES_MAX: u64 = 600 * 16_000 + 4_096;

/// Those of `[media]`. What was encoded `before` is kept where nothing changed.
pub(crate) fn prompts(table: &Table, before: Option<&Arc<Prompts>>, check: &mut Check<'_>) -> Arc<Prompts> {
    let mut prompts = Prompts::default();
    if let Some(field) = table.text("tones") {
        match Prompts::of_country(&field.value) {
            Some(of_country) => prompts = of_country,
            None => {
                let known: Vec<_> = Prompts::countries().collect();
                let message = format!(
                    "the tones of {:?} are not known: write a country by its code of ISO 3166, one of {}",
                    field.value,
                    known.join(" ")
                );
                check.error(&field.span, message);
            }
        }
    }
    if let Some(folder) = table.text("prompts") {
        replace(&mut prompts, &folder, check);
    }
    match before {
        Some(before) if **before == prompts => Arc::clone(before),
        _ => Arc::new(prompts),
    }
}

fn replace(prompts: &mut Prompts, folder: &Field<String>, check: &mut Check<'_>) {
    let path = check.path(&folder.value);
    if check.dir.is_none() {
        return check.error(&folder.span, format!("{} is not read here", path.display()));
    }
    match fs::metadata(&path) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return check.error(&folder.span, format!("{} is not a folder", path.display())),
        Err(error) => return check.error(&folder.span, format!("cannot read {}: {error}", path.display())),
    }
    let mut is_empty = true;
    for language in Language::ALL {
        for prompt in Prompt::ALL {
            let path = path.join(language.code()).join(prompt.file());
            if fs::symlink_metadata(&path).is_ok() {
                is_empty = false;
                let replaced = read(&path).and_then(|file| {
                    prompts.replace(language, prompt, &file).map_err(|error| error.to_string())
                });
                if let Err(error) = replaced {
                    check.error(&folder.span, format!("{}: {error}", path.display()));
                }
            }
        }
    }
    if is_empty {
        let names = |words: &[&str]| words.join(", ");
        let message = format!(
            "{} holds no prompt, so all are those built in: a prompt is LANG/NAME, LANG one of {} and NAME one of {}",
            path.display(),
            names(&Language::ALL.map(Language::code)),
            names(&Prompt::ALL.map(Prompt::file)),
        );
        check.warning(&folder.span, message);
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = crate::check::open_regular(path)
        .and_then(|file: File| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
    match read {
        Ok(count) if count as u64 <= FILE_BYTES_MAX => Ok(bytes),
        Ok(_) => Err("larger than ten minutes of sound".to_owned()),
        Err(error) => Err(format!("cannot be read: {error}")),
    }
}
