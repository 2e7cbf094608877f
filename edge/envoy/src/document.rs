//! The configuration document where it is written in JSON: the same keys, put into TOML, so that one reader checks both.

use verge_carry::write_json_string;
use verge_mappings::{Members, Value};

/// How members are written.
#[derive(Clone, Copy)]
enum Form {
    Json,
    /// Where JSON says `null`, TOML has no key.
    Toml,
}

/// The document as TOML.
pub(crate) fn to_toml(document: &Members) -> String {
    let mut out = String::new();
    for (key, value) in document.iter().filter(|(_, value)| **value != Value::Null) {
        write_json_string(&mut out, key);
        out.push_str(" = ");
        write(&mut out, value, Form::Toml);
        out.push('\n');
    }
    out
}

/// A value as JSON.
pub(crate) fn to_json(value: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Form::Json);
    out
}

/// Writes a value that was read from JSON, and so has neither sets nor bytes in it.
fn write(out: &mut String, value: &Value, form: Form) {
    match (value, form) {
        (Value::Null, Form::Json) => out.push_str("null"),
        // A list has no holes, and of what is missing nothing is to be read.
        (Value::Null, Form::Toml) => out.push_str("\"\""),
        (Value::Bool(value), _) => out.push_str(if *value { "true" } else { "false" }),
        (Value::N(number), _) => out.push_str(number),
        // What JSON escapes in a string, TOML escapes alike.
        (Value::S(text), _) => write_json_string(out, text),
        (Value::L(list), _) => {
            out.push('[');
            for (place, value) in list.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write(out, value, form);
            }
            out.push(']');
        }
        (Value::M(members), _) => {
            out.push('{');
            let members = members.iter().filter(|(_, value)| matches!(form, Form::Json) || **value != Value::Null);
            for (place, (key, value)) in members.enumerate() {
                out.push_str(if place == 0 { "" } else { "," });
                write_json_string(out, key);
                out.push(if matches!(form, Form::Json) { ':' } else { '=' });
                write(out, value, form);
            }
            out.push('}');
        }
        (Value::B(_) | Value::Ss(_) | Value::Ns(_) | Value::Bs(_), _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use verge_config::Config;

    fn object(json: &str) -> Members {
        match Value::read_json(json.as_bytes()).unwrap() {
            Value::M(members) => members,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_document_is_the_same_in_json_and_in_toml() {
        let toml = "[table]\nsource = \"file\"\npath = \"t\\u000d\\\"\"\n[origins]\nallow = [\"a.example\", \"b.example\"]\n\
                    insecure = true\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nheader = \"V\"\n";
        let json = r#"{
            "table": {"source": "file", "path": "t\r\""},
            "origins": {"allow": ["a.example", "b.example"], "insecure": true, "ca": null},
            "api": [{"name": "orders", "hosts": ["*"], "version": {"header": "V"}}]
        }"#;
        let read = |text: &str| format!("{:?}", Config::parse_hosted(text).unwrap());
        assert_eq!(read(&to_toml(&object(json))), read(toml));
    }

    #[test]
    fn json_is_written_as_it_was_read() {
        let json = r#"{"a":[null,true,1.50,"t\u000d\""],"b":{"c":null,"d":{}}}"#;
        assert_eq!(to_json(&Value::read_json(json.as_bytes()).unwrap()), json);
    }
}
