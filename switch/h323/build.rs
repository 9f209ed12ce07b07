//! Makes the Rust types and codecs of H.225.0, H.235 and H.245 from the schema (schema/README.md).
#![forbid(unsafe_code)]

#[path = "build/boxes.rs"]
mod boxes;
#[path = "build/codec.rs"]
mod codec;
#[path = "build/names.rs"]
mod names;
#[path = "build/schema.rs"]
mod schema;
#[path = "build/types.rs"]
mod types;

use std::error::Error;
use std::path::Path;

const MODULES: [&str; 3] = ["h225", "h235", "h245"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=schema");
    println!("cargo::rerun-if-changed=build");
    let out = std::env::var("OUT_DIR")?;
    let mut modules = Vec::new();
    for name in MODULES {
        let path = format!("schema/{name}.txt");
        let text = std::fs::read_to_string(&path).map_err(|error| format!("cannot read {path}: {error}"))?;
        modules.push(schema::Module::parse(name, &text).map_err(|error| format!("{path}:{error}"))?);
    }
    let schema = schema::Schema::new(modules)?;
    for module in &schema.modules {
        let text = types::module(&schema, module);
        std::fs::write(Path::new(&out).join(format!("{}.rs", module.name)), text)?;
    }
    Ok(())
}
