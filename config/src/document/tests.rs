use super::*;
use proptest::prelude::*;
use toml::de::{DeTable, DeValue};

/// What the `toml` crate reads, by name: tables are in the order of their keys there.
fn read_by_others(text: &str) -> Option<String> {
    /// What stands for a number that has other than digits: `toml` finds out only when it makes a number of it.
    const NO_NUMBER: &str = "no number";
    fn written(value: &DeValue<'_>) -> String {
        match value {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => {
                let digits = number.as_str().trim_start_matches(['+', '-']);
                let fits = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(number.radix()));
                if fits { format!("{}/{}", number.as_str(), number.radix()) } else { NO_NUMBER.to_owned() }
            }
            DeValue::Float(_) => "fraction".to_owned(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(_) => "time".to_owned(),
            DeValue::Array(items) => {
                format!("{:?}", items.iter().map(|item| written(item.get_ref())).collect::<Vec<_>>())
            }
            DeValue::Table(inner) => table(inner),
        }
    }
    fn table(table: &DeTable<'_>) -> String {
        let entries: std::collections::BTreeMap<_, _> =
            table.iter().map(|(key, inner)| (key.get_ref().to_string(), written(inner.get_ref()))).collect();
        format!("{entries:?}")
    }
    let read = DeTable::parse(text).ok().map(|document| table(document.get_ref()));
    read.filter(|read| !read.contains(NO_NUMBER))
}

/// The same of what is read here.
fn read(text: &str) -> Option<String> {
    fn written(value: &Value) -> String {
        match value {
            Value::String(text) => format!("{text:?}"),
            Value::Integer(digits, radix) => format!("{digits}/{radix}"),
            Value::Fraction => "fraction".to_owned(),
            Value::Boolean(value) => value.to_string(),
            Value::Time => "time".to_owned(),
            Value::List(items) | Value::Tables(items) => {
                format!("{:?}", items.iter().map(|item| written(&item.value)).collect::<Vec<_>>())
            }
            Value::Table(inner) => table(inner),
        }
    }
    fn table(table: &Table) -> String {
        let entries: std::collections::BTreeMap<_, _> =
            table.entries().iter().map(|keyed| (keyed.key.clone(), written(&keyed.value))).collect();
        format!("{entries:?}")
    }
    Table::parse(text).ok().map(|document| table(&document))
}

#[test]
fn documents_are_read_as_others_read_them() {
    for text in [
        "",
        "\u{feff}a = 1",
        "a = 'b' # c\r\n\r\n[t]\t# d\nb.c . \"d e\" = [1, 0x_1, 2_0]\n",
        "a = [ # b\n 1,\n\n 2, # c\n]\nb = { c = 1, d.e = [], }\n",
        "a = { b = { c = 1 }, 'd e' = \"\" }\n",
        "a = { b = 1,\n # c\n d = 2 }\n",
        "a = \"\\b\\t\\n\\f\\r\\e\\\"\\\\\\x41\\u00e4\\U0001f600\"\n",
        "a = \"\"\"\nb \"\" c\\\n   \n  d\"\"\"\"\"\nb = '''\nc'd''\\'''''\n",
        "a = \"\"\"a\r\nb\"\"\"\n",
        "a = 0b101\nb = 0o17\nc = 0xDEAD_beef\nd = -0\ne = +99\nf = 9999999999999999999999\n",
        "a = 1.5\nb = -1e5\nc = 6.626e-34\nd = inf\ne = -nan\nf = 1_0.0_1\n",
        "a = 1979-05-27\nb = 07:32:00\nc = 1979-05-27T07:32:00Z\nd = 1979-05-27 07:32:00.999-07:00\ne = 07:32\n",
        "[a.b.c]\nd = 1\n[a]\ne = 2\n[a.b]\nf = 3\n",
        "[[a]]\nb = 1\n[a.c]\nd = 2\n[[a]]\n[[a.e]]\n[[a.e]]\n",
        "a.b.c = 1\na.b.d = 2\n[a.x]\n",
        "[a.b]\n[a]\nb = 1\n",
        "1 = 2\n'' = 3\n\"\\u0061\" = 4\n",
    ] {
        assert!(read(text).is_some() || read_by_others(text).is_none(), "{text}: {:?}", Table::parse(text));
        assert_eq!(read(text), read_by_others(text), "{text}");
    }
}

#[test]
fn what_is_no_document_is_none() {
    for text in [
        "a",
        "a =",
        "a = b",
        "= 1",
        "a = 1 b = 2",
        "[a",
        "[a]]",
        "[[a]",
        "[]",
        "a.b. = 1",
        "a = [1 2]",
        "a = [1",
        "a = {b",
        "a = 1\na = 2",
        "a = 1\n[a]",
        "[a]\n[a]",
        "a.b = 1\n[a]",
        "[a.b]\n[a]\nb.c = 1",
        "a = {}\n[a.b]",
        "a = {}\na.b = 1",
        "a = []\n[[a]]",
        "[[a]]\n[a]",
        "[a]\n[[a]]",
        "[[a.b]]\n[a]\nb.c = 1",
        "a = {b.c = 1, b = 2}",
        "a = \"\n\"",
        "a = 'b",
        "a = \"\"\"b\"\"",
        "a = \"\\q\"",
        "a = \"\\ud800\"",
        "a = \"\\x4\"",
        "a = 01",
        "a = 1__0",
        "a = _1",
        "a = +0x1",
        "a = 1.",
        "a = .5",
        "a = 1e",
        "a = True",
        "a = 1979-5-27",
        "a = # b",
        "# \u{7}",
        "a = \"\u{0}\"",
        "\r",
        "a = {,}",
        "a = [,]",
    ] {
        assert!(Table::parse(text).is_err(), "{text:?}");
        assert!(read_by_others(text).is_none(), "{text:?}");
    }
}

#[test]
fn the_first_fault_is_placed() {
    let at = |text| Table::parse(text).unwrap_err().at;
    assert_eq!(at("a = 1\nb = c\n"), 10);
    assert_eq!(at("a = 1\na = 2\n"), 6);
    assert_eq!(at("[a]\nb = \"c\n"), 10);
    assert_eq!(
        Table::parse(&format!("a = {}", "[".repeat(100))).unwrap_err().reason,
        "lists and tables are nested too deep"
    );
    assert_eq!(Table::parse(&format!("{}a = 1", "a.".repeat(100_000))).unwrap_err().reason, "a key has too many parts");
}

proptest! {
    /// Lines made of what lines are made of, so that headers and keys meet.
    #[test]
    fn any_document_is_read_as_others_read_it(
        lines in proptest::collection::vec((
            proptest::sample::select(vec!["[a]", "[a.b]", "[[a]]", "[[a.b]]", "[b]", "[a.b.c]", "[[b.a]]", "a = ", "b = ", "a.b = ", "c.a.d = ", "c = "]),
            proptest::sample::select(vec!["1", "'x'", "[]", "{}", "[{}]", "{a = 1}", "{a.b = 1}", "[1, [2]]", "1.0", "2020-01-01", "true", "\"\"\"a\nb\"\"\""]),
        ), 0..6),
    ) {
        let mut text = String::new();
        for (begin, value) in lines {
            text += begin;
            text += if begin.starts_with('[') { "" } else { value };
            text.push('\n');
        }
        prop_assert_eq!(read(&text), read_by_others(&text), "{}", text);
    }

    #[test]
    fn any_value_is_read_as_others_read_it(value in r#"[\[\]{},"'\\ 0-9a-fxntrue_.:+\-TZ#\n=]{0,10}"#) {
        let text = format!("a = {value}\n");
        // Where there is no such day, there is none here either: it is a time all the same, and no key takes one.
        let time = read(&text).is_some_and(|read| read.contains("time"));
        prop_assert!(time || read(&text) == read_by_others(&text), "{}", text);
    }

    #[test]
    fn any_string_is_read_as_others_read_it(inner in r#"["'\\ a\nu04bnx\t\r]{0,10}"#, quotes in "(\"|'|\"\"\"|''')") {
        let text = format!("a = {quotes}{inner}{quotes}\n");
        prop_assert_eq!(read(&text), read_by_others(&text), "{}", text);
    }

    #[test]
    fn no_text_makes_the_reader_panic(text: String) {
        let _ = Table::parse(&text);
    }
}
