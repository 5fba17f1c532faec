//! Writes the cases of `tests/data` into the corpus of each target, for the fuzzers to begin with.
//!
//! `cargo run --example seeds`, in this folder.

#[allow(dead_code, reason = "seeds are bytes; what must come of them is not asked here")]
#[path = "../../tests/data/reader.rs"]
mod reader;

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data");
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for target in ["head", "framing", "decode", "exchange", "encode", "connection"] {
        fs::create_dir_all(corpus.join(target))?;
    }
    for file in fs::read_dir(data)? {
        let path = file?.path();
        if path.extension().is_none_or(|extension| extension != "http") {
            continue;
        }
        let subject = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for case in reader::read(&fs::read_to_string(&path)?) {
            let name = format!("{subject}-{}", case.line);
            let find = |mark: &[u8]| case.input.windows(mark.len()).position(|part| part == mark).map(|at| at + mark.len());
            let fields = find(b"\r\n").unwrap_or(0);
            let body = find(b"\r\n\r\n").unwrap_or(0);
            fs::write(corpus.join("head").join(&name), &case.input)?;
            fs::write(corpus.join("exchange").join(&name), &case.input)?;
            fs::write(corpus.join("connection").join(&name), [b"\x07\x00\x40\x02", &case.input[..]].concat())?;
            fs::write(corpus.join("framing").join(&name), &case.input[fields..])?;
            fs::write(corpus.join("decode").join(&name), [&[1, 64], &case.input[body..]].concat())?;
        }
    }
    Ok(())
}
