use super::*;

#[test]
fn hosts_read_as_written() {
    assert_eq!(HostPattern::parse("*").unwrap(), HostPattern::Any);
    assert_eq!(HostPattern::parse("API.Example.com.").unwrap(), HostPattern::Exact("api.example.com".into()));
    assert_eq!(HostPattern::parse("*.Example.com").unwrap(), HostPattern::Wildcard("example.com".into()));
    assert_eq!(HostPattern::parse("[::1]").unwrap(), HostPattern::Exact("[::1]".into()));
    for bad in ["", "a:80", "https://a", "a/b", "*.*.com", "a*.com", "a..b", "*."] {
        assert!(HostPattern::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_upper_draft_wins_field_by_field() {
    let toml = ApiDraft { strip: Some(true), ..ApiDraft::default() };
    let item = ApiDraft { strip: Some(false), hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
    let api = toml.over(item).finish("orders").unwrap();
    assert!(api.strip());
    assert_eq!(api.hosts(), [HostPattern::Any]);
}

#[test]
fn vary_names_what_is_read_and_nothing_else() {
    let draft = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
    assert_eq!(draft.clone().finish("a").unwrap().vary_value().unwrap(), "Accept, APIVER");
    let header =
        ApiDraft { read: Some([Source::Header].into()), header: Some(parse_header("X-Api-Version").unwrap()), ..draft };
    assert_eq!(header.finish("a").unwrap().vary_value().unwrap(), "X-Api-Version");
}
