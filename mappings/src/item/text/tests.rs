use super::*;
use crate::item::value::tests::json_values;
use proptest::prelude::*;
use serde_json::Value as Json;

fn reason(text: &str) -> String {
    Value::read_json(text.as_bytes()).unwrap_err().to_string()
}

#[test]
fn numbers_stay_as_they_are_written() {
    for number in ["0", "-0", "12345678901234567890123456789012345678", "1.50", "1e5", "-2.5E-7"] {
        assert_eq!(Value::read_json(number.as_bytes()).unwrap(), Value::N(number.to_owned()));
    }
    for no_number in ["01", "-", "1.", ".5", "1e", "+1", "0x1", "NaN", "--1"] {
        assert!(Value::read_json(no_number.as_bytes()).is_err(), "{no_number}");
    }
}

#[test]
fn escapes_are_read() {
    let text = r#""a\"\\\/\b\f\n\r\t\u00e4\ud83d\ude00""#;
    let read = Value::S("a\"\\/\u{8}\u{c}\n\r\t\u{e4}\u{1f600}".to_owned());
    assert_eq!(Value::read_json(text.as_bytes()).unwrap(), read);
    for bad in
        [r#""\x""#, r#""\u12g4""#, r#""\u12""#, r#""\ud83d""#, r#""\ud83d\u0041""#, r#""\ude00""#, "\"\t\"", "\"\\"]
    {
        assert!(Value::read_json(bad.as_bytes()).is_err(), "{bad}");
    }
}

#[test]
fn what_is_wrong_is_placed() {
    assert_eq!(reason("{\n \"a\": tru}"), "expected value at line 2 column 7");
    assert_eq!(reason("[1, 2"), "expected `,` or the end of the list or object at line 1 column 6");
    assert_eq!(reason("[] x"), "trailing characters at line 1 column 4");
    assert_eq!(reason(&"[".repeat(200)), "recursion limit exceeded at line 1 column 130");
    assert!(Value::read_json(b"\"\xff\"").is_err());
}

/// A value as JSON has it, for texts whose numbers are written in one way only.
fn plain(text: &str) -> Option<Value> {
    serde_json::from_str::<Json>(text).ok().map(|json| Value::from_plain_json(&json))
}

proptest! {
    #[test]
    fn values_are_read_as_serde_json_reads_them(json in json_values(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&json).unwrap() } else { json.to_string() };
        prop_assert_eq!(Value::read_json(text.as_bytes()).ok(), plain(&text));
    }

    #[test]
    fn items_are_read_alike_from_text_and_from_json(json in json_values()) {
        let read = Item::read_all(Json::from(vec![json.clone()]).to_string().as_bytes());
        prop_assert_eq!(read.ok(), Item::from_json(&json).ok().map(|item| vec![item]));
    }

    #[test]
    fn what_serde_json_takes_for_json_is_json(text in r#"[\[\]{}:,"\\ ntu0-9eE.+truefalsd\n-]{0,12}"#) {
        let json = serde_json::from_str::<Json>(&text).map_err(|error| error.to_string());
        // Numbers that it cannot hold are numbers all the same.
        let is_json = json.map_or_else(|error| error.contains("number out of range"), |_| true);
        prop_assert_eq!(Value::read_json(text.as_bytes()).is_ok(), is_json, "{}", text);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>) {
        let _ = (Value::read_json(&bytes), Item::read_all(&bytes));
    }
}
