use super::*;
use alloc::string::ToString;

#[test]
fn a_star_in_a_pattern_is_exactly_one_label() {
    let pattern = DomainPattern::parse("*.execute-api.*.amazonaws.com").unwrap();
    let matches = |name| pattern.matches(&Domain::parse(name).unwrap());
    assert!(matches("abc.execute-api.us-east-1.amazonaws.com"));
    assert!(!matches("a.b.execute-api.us-east-1.amazonaws.com"));
    assert!(!matches("execute-api.us-east-1.amazonaws.com"));
    assert!(!matches("abc.execute-api.us-east-1.amazonaws.com.evil.example"));
    assert!(DomainPattern::parse("api*.example.com").is_err());
    assert!(DomainPattern::parse("*.*").is_err());
}

#[test]
fn a_domain_is_a_bare_name() {
    assert_eq!(Domain::parse("ABC.Example.com.").unwrap().as_str(), "abc.example.com");
    for bad in [
        "",
        ".",
        "a..b",
        "127.0.0.1",
        "[::1]",
        "::1",
        "user@example.com",
        "example.com:443",
        "https://example.com",
        "example.com/x",
        "-a.com",
        "a-.com",
        "a_b.com",
        "exa mple.com",
        "example.com\r\nx",
        "1.2.3",
        "0x7f.0x1",
        "ex\u{e4}.com",
    ] {
        assert!(Domain::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn addresses_never_dialled_hide_in_no_form() {
    for never in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "ff02::1",
        "fe80::1",
        "fd00:ec2::254",
        "255.255.255.255",
        "0.1.2.3",
    ] {
        assert!(!may_dial(never.parse().unwrap(), true), "{never}");
    }
    for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        assert!(may_dial(loopback.parse().unwrap(), true), "{loopback}");
        assert!(!may_dial(loopback.parse().unwrap(), false), "{loopback}");
    }
    for fine in ["10.0.0.1", "192.0.2.1", "fd12::1", "2001:db8::1"] {
        assert!(may_dial(fine.parse().unwrap(), false), "{fine}");
    }
}

#[test]
fn a_row_connects_only_where_the_operator_says() {
    let rules = OriginRules {
        allow: [DomainPattern::parse("*.example.com").unwrap()].into(),
        dial: [DialPattern::parse("10.0.0.0/8").unwrap(), DialPattern::parse("*.vpce.example").unwrap()].into(),
        ..OriginRules::default()
    };
    let check = |connect| {
        let spec = OriginSpec { domain: "a.example.com", connect: Some(connect), ..OriginSpec::default() };
        Origin::parse(&spec, &rules, &[]).map(|origin| origin.connect().unwrap().to_string())
    };
    assert_eq!(check("10.1.2.3").unwrap(), "10.1.2.3");
    assert_eq!(check("10.1.2.3:8443").unwrap(), "10.1.2.3:8443");
    assert_eq!(check("x.vpce.example:443").unwrap(), "x.vpce.example:443");
    assert!(check("11.1.2.3").is_err());
    assert!(check("y.example").is_err());
    assert!(check("10.1.2.3:0").is_err());
    assert!(check("10.1.2.3:x").is_err());
}

#[test]
fn a_base_path_is_absolute_and_plain() {
    for (text, expected) in [("", ""), ("/", ""), ("/prod", "/prod"), ("/prod/", "/prod"), ("/a/b%20c", "/a/b%20c")] {
        assert_eq!(&*parse_base_path(text).unwrap(), expected);
    }
    for bad in ["prod", "/a//b", "/a/../b", "/a?x", "/a#x", "/a b", "/%zz", "/a\r\n", "/\u{e4}"] {
        assert!(parse_base_path(bad).is_err(), "{bad}");
    }
}

#[test]
fn blocks_of_addresses() {
    let holds = |block, address: &str| Cidr::parse(block).unwrap().contains(address.parse().unwrap());
    assert!(holds("10.0.0.0/8", "10.255.0.1"));
    assert!(!holds("10.0.0.0/8", "11.0.0.1"));
    assert!(holds("0.0.0.0/0", "1.2.3.4"));
    assert!(holds("192.0.2.1", "::ffff:192.0.2.1"));
    assert!(holds("2001:db8::/32", "2001:db8:1::1"));
    assert!(!holds("2001:db8::/32", "10.0.0.1"));
    assert_eq!(Cidr::parse("10.0.0.0/33"), None);
}
