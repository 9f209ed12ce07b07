//! Reads the schema's notation.

use std::collections::HashMap;

/// All modules, and where their definitions are.
pub struct Schema {
    pub modules: Vec<Module>,
    index: HashMap<(String, String), (usize, usize)>,
}

pub struct Module {
    pub name: String,
    pub definitions: Vec<Definition>,
}

pub struct Definition {
    pub name: String,
    pub extensible: bool,
    pub body: Body,
}

pub enum Body {
    Seq(Vec<Part>),
    Choice(Vec<Part>),
    Enum(Vec<Part>),
    Alias(Kind),
}

pub struct Part {
    pub name: String,
    pub optional: bool,
    pub addition: bool,
    pub kind: Kind,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Null,
    Bool,
    Oid,
    /// Bytes with a length: open types and GeneralString.
    Open,
    Int(Option<i64>, Option<i64>, bool),
    Octets(Size),
    Bits(Size),
    /// Size, bits of a character, alphabet if characters are numbered by it.
    Text(Size, u32, String),
    Bmp(Size),
    List(Size, Box<Kind>),
    /// Module and name.
    Named(String, String),
}

/// Least and greatest count.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size(pub u32, pub Option<u32>);

impl Schema {
    /// The error names a definition that is missing.
    pub fn new(modules: Vec<Module>) -> Result<Self, String> {
        let mut index = HashMap::new();
        for (m, module) in modules.iter().enumerate() {
            for (d, definition) in module.definitions.iter().enumerate() {
                index.insert((module.name.clone(), definition.name.clone()), (m, d));
            }
        }
        let schema = Self { modules, index };
        let missing = schema.names().find(|name| !schema.index.contains_key(name));
        missing.map_or(Ok(()), |(module, name)| Err(format!("{module}:{name} is not defined")))?;
        Ok(schema)
    }

    /// Every name that a kind mentions.
    fn names(&self) -> impl Iterator<Item = (String, String)> {
        let definitions = self.modules.iter().flat_map(|module| &module.definitions);
        let kinds = definitions.flat_map(|definition| match &definition.body {
            Body::Seq(parts) | Body::Choice(parts) | Body::Enum(parts) => {
                parts.iter().map(|part| &part.kind).collect()
            }
            Body::Alias(kind) => vec![kind],
        });
        kinds.filter_map(|mut kind| {
            while let Kind::List(_, of) = kind {
                kind = of;
            }
            if let Kind::Named(module, name) = kind { Some((module.clone(), name.clone())) } else { None }
        })
    }

    pub fn definition(&self, module: &str, name: &str) -> &Definition {
        // that all names are defined was checked
        let (m, d) = self.index[&(module.to_owned(), name.to_owned())];
        &self.modules[m].definitions[d]
    }

    /// The kind behind other names.
    pub fn resolve(&self, kind: &Kind) -> Kind {
        if let Kind::Named(module, name) = kind
            && let Body::Alias(kind) = &self.definition(module, name).body
        {
            return self.resolve(kind);
        }
        kind.clone()
    }
}

impl Module {
    /// The definitions of one file; an error begins with its line.
    pub fn parse(name: &str, text: &str) -> Result<Self, String> {
        let mut definitions: Vec<Definition> = Vec::new();
        for (number, line) in text.lines().enumerate() {
            let fault = |what: &str| format!("{}: {what}: {line}", number + 1);
            if line.is_empty() || line.starts_with('#') || line.starts_with("module ") {
                continue;
            }
            if line.starts_with("  ") {
                let definition = definitions.last_mut().ok_or_else(|| fault("a part of nothing"))?;
                let part = Part::parse(name, line.trim()).map_err(|what| fault(&what))?;
                match &mut definition.body {
                    Body::Seq(parts) | Body::Choice(parts) | Body::Enum(parts) => parts.push(part),
                    Body::Alias(_) => return Err(fault("a part of an alias")),
                }
            } else {
                definitions.push(Definition::parse(name, line).map_err(|what| fault(&what))?);
            }
        }
        Ok(Self { name: name.to_owned(), definitions })
    }
}

impl Definition {
    fn parse(module: &str, line: &str) -> Result<Self, String> {
        let (what, rest) = line.split_once(' ').ok_or("no name")?;
        let (name, behind) = rest.split_once(' ').unwrap_or((rest, ""));
        let body = match what {
            "seq" => Body::Seq(Vec::new()),
            "choice" => Body::Choice(Vec::new()),
            "enum" => Body::Enum(Vec::new()),
            "type" => Body::Alias(Kind::parse(module, behind)?),
            _ => return Err("unknown definition".to_owned()),
        };
        Ok(Self { name: name.to_owned(), extensible: behind == "...", body })
    }
}

impl Part {
    fn parse(module: &str, line: &str) -> Result<Self, String> {
        let (name, kind) = line.split_once(' ').unwrap_or((line, "null"));
        let (addition, name) = (name.starts_with('+'), name.trim_start_matches('+'));
        let (optional, name) = (name.ends_with('?') || addition, name.trim_end_matches('?'));
        Ok(Self { name: name.to_owned(), optional, addition, kind: Kind::parse(module, kind)? })
    }
}

impl Kind {
    fn parse(module: &str, text: &str) -> Result<Self, String> {
        let end = text.find(['(', '[', ' ']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let (range, rest) = match rest.strip_prefix('(') {
            Some(rest) => rest.split_once(')').ok_or("no `)`")?,
            None => ("", rest),
        };
        let size = || Size::parse(range);
        Ok(match word {
            "null" => Self::Null,
            "bool" => Self::Bool,
            "oid" => Self::Oid,
            "open" | "general" => Self::Open,
            "int" => {
                let (bounds, extensible) =
                    range.strip_suffix(",...").map_or((range, false), |bounds| (bounds, true));
                let (low, high) = bounds.split_once("..").unwrap_or((bounds, bounds));
                Self::Int(low.parse().ok(), high.parse().ok(), extensible)
            }
            "octets" => Self::Octets(size()?),
            "bits" => Self::Bits(size()?),
            "bmp" => Self::Bmp(size()?),
            "ia5" | "printable" | "visible" if rest.is_empty() => Self::Text(size()?, 8, String::new()),
            "numeric" => Self::Text(size()?, 4, " 0123456789".to_owned()),
            "ia5" => {
                let alphabet = rest.trim_start_matches('[').trim_end_matches(']');
                let bits = ((alphabet.len() as u32 - 1).ilog2() + 1).next_power_of_two();
                // characters are numbered by the alphabet only where that is shorter than their codes
                let numbered = if bits < 8 { alphabet } else { "" };
                Self::Text(size()?, bits, numbered.to_owned())
            }
            "list" => Self::List(size()?, Box::new(Self::parse(module, rest.trim_start())?)),
            _ => match text.split_once(':') {
                Some((module, name)) => Self::Named(module.to_owned(), name.to_owned()),
                None => Self::Named(module.to_owned(), text.to_owned()),
            },
        })
    }
}

impl Size {
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self(0, None));
        }
        let (low, high) = text.split_once("..").unwrap_or((text, text));
        let high = if high.is_empty() { None } else { Some(high.parse().map_err(|_| "bad size")?) };
        Ok(Self(low.parse().map_err(|_| "bad size")?, high))
    }
}
