use super::*;
use proptest::prelude::*;
use serde_json::json;
use verge_router::{
    ApiDraft,
    api::HostPattern,
    origin::{DialPattern, DomainPattern},
};

fn api() -> Api {
    let draft = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
    draft.finish("orders").unwrap()
}

fn rules() -> OriginRules {
    OriginRules {
        allow: [DomainPattern::parse("*.example.com").unwrap()].into(),
        insecure: true,
        loopback: false,
        dial: [DialPattern::parse("10.0.0.0/8").unwrap()].into(),
    }
}

/// Reads an item in plain JSON; the layout is told by its key.
fn read(json: serde_json::Value) -> Result<Row, String> {
    let item = Item::from_json(&json).unwrap();
    let layout = item.layout().unwrap();
    read_row(&item, layout, &api(), &rules()).map_err(|error| error.to_string())
}

/// A row of the Verge layout with these attributes.
fn verge(more: serde_json::Value) -> Result<Row, String> {
    let mut item = json!({"api": "orders", "version": "v1", "domain": "a.example.com"});
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    read(item)
}

fn mapped(row: Row) -> MappingSpec {
    match row.state {
        RowState::Mapped(spec) => spec,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_sample_row_reads_in_both_json_shapes() {
    for json in [
        json!({"hk": "application/vnd.example.v1+json", "dn": "a.example.com", "dp": "/prod"}),
        json!({"hk": {"S": "application/vnd.example.v1+json"}, "dn": {"S": "a.example.com"}, "dp": {"S": "/prod"}}),
    ] {
        let row = read(json).unwrap();
        assert!(row.whole);
        assert_eq!(&*row.key, "application/vnd.example.v1+json");
        let spec = mapped(row);
        assert_eq!((spec.origin.domain().as_str(), spec.origin.base_path()), ("a.example.com", "/prod"));
    }
}

#[test]
fn a_sample_row_honours_the_other_attributes() {
    let row = read(json!({"hk": "v1", "dn": "a.example.com", "status": "hidden", "port": 8443})).unwrap();
    let spec = mapped(row);
    assert!(spec.hidden);
    assert_eq!(spec.origin.port(), 8443);
    assert_eq!(mapped(read(json!({"hk": "v1", "domain": "b.example.com"})).unwrap()).origin.port(), 443);
}

#[test]
fn every_attribute_of_a_verge_row_is_read() {
    let row = verge(json!({
        "base_path": "/prod", "scheme": "http", "port": 8080, "protocol": "h1", "connect": "10.1.2.3:9000",
        "connect_timeout": "500ms", "read_timeout": "29s", "write_timeout": "1m", "idle_timeout": "20s", "total_timeout": "2m",
        "status": "active", "deprecated_at": "2026-01-01T00:00:00Z", "sunset_at": "2026-06-01T00:00:00Z",
        "successor": "v2", "docs": "https://docs.example.com/v1",
        "brownouts": [{"from": "2026-05-01T00:00:00Z", "to": "2026-05-01T01:00:00Z"}],
        "revision": 7, "updated_at": "2026-01-01T00:00:00Z", "updated_by": "ci", "previous": {"domain": "x"},
        "team": "payments", "aws:cloudformation:stack": ["x"],
    }))
    .unwrap();
    assert!(!row.whole);
    let spec = mapped(row);
    let origin = &spec.origin;
    assert_eq!((origin.scheme(), origin.port(), origin.protocol()), (Scheme::Http, 8080, Protocol::H1));
    assert_eq!(origin.connect().unwrap().to_string(), "10.1.2.3:9000");
    let expected = Timeouts {
        connect: Some(Duration::from_millis(500)),
        read: Some(Duration::from_secs(29)),
        write: Some(Duration::from_secs(60)),
        idle: Some(Duration::from_secs(20)),
        total: Some(Duration::from_secs(120)),
    };
    assert_eq!(origin.timeouts(), expected);
    let life = spec.lifecycle.unwrap();
    assert_eq!((life.successor(), life.brownouts().len()), (Some("v2"), 1));
}

#[test]
fn null_counts_as_not_there() {
    let row = verge(json!({"base_path": null, "alias_of": null, "deprecated_at": null, "split": null})).unwrap();
    assert!(mapped(row).lifecycle.is_none());
}

#[test]
fn an_alias_names_a_row() {
    let row = read(json!({"api": "orders", "version": "latest", "alias_of": "v2"})).unwrap();
    assert!(matches!(row.state, RowState::Alias(of) if &*of == "v2"));
}

#[test]
fn what_is_wrong_with_a_row_is_said() {
    for (more, expected) in [
        (json!({"port": "443"}), "`port` must be a number (N), found S"),
        (json!({"port": 0}), "port must be a number from 1 to 65535"),
        (json!({"port": 65536}), "`port` must be a whole number from 1 to 65535"),
        (json!({"port": 1.5}), "`port` must be a whole number from 1 to 65535"),
        (json!({"domain": 7}), "`domain` must be a string (S), found N"),
        (json!({"domain": ["a.example.com"]}), "`domain` must be a string (S), found L"),
        (json!({"domain": null}), "it has neither a domain nor `alias_of`"),
        (json!({"alias_of": "v2"}), "it has both a domain and `alias_of`"),
        (json!({"domain": null, "alias_of": ""}), "`alias_of` must be 1 to 256 printable ASCII characters"),
        (
            json!({"drain": true}),
            "drain needs `cookie` among the sticky keys: only Verge's signed cookie says who was there",
        ),
        (json!({"domain": "a.example.org"}), "does not match [origins] allow"),
        (json!({"domain": "169.254.169.254"}), "IP literals are not allowed"),
        (json!({"domain": "a.example.com\r\nx"}), "only letters, digits, hyphens and dots"),
        (json!({"connect": "127.0.0.1"}), "does not match [origins] dial"),
        (json!({"base_path": "prod"}), "it must begin with `/`"),
        (json!({"scheme": "ftp"}), "scheme `ftp`"),
        (json!({"protocol": "h3"}), "protocol `h3`"),
        (json!({"read_timeout": 5}), "`read_timeout` must be a string (S), found N"),
        (json!({"read_timeout": "5"}), "`read_timeout` `5` is not a duration"),
        (json!({"status": "retired"}), "`status` `retired` is neither `active` nor `hidden`"),
        (json!({"sunset_at": "tomorrow"}), "`sunset_at` `tomorrow` is not a time in UTC"),
        (json!({"sunset_at": 1}), "`sunset_at` must be a string (S), found N"),
        (
            json!({"deprecated_at": "2026-02-01T00:00:00Z", "sunset_at": "2026-01-01T00:00:00Z"}),
            "sunset_at lies before deprecated_at",
        ),
        (json!({"successor": "v 2"}), "`successor` cannot be a version"),
        (json!({"docs": "http://docs.example.com"}), "docs is not an https URL"),
        (json!({"brownouts": {}}), "`brownouts` must be a list of maps (L of M), found M"),
        (json!({"brownouts": ["x"]}), "`brownouts` must be a list of maps (L of M), found S"),
        (json!({"brownouts": [{"from": "2026-01-01T00:00:00Z"}]}), "`brownouts` must give `from` and `to`"),
        (json!({"revision": "3"}), "`revision` must be a number (N), found S"),
        (json!({"version": 1}), "`version` must be a string (S), found N"),
        (json!({"version": "v\u{e9}"}), "`version` cannot be a version"),
        (json!({"version": "v".repeat(65)}), "`version` cannot be a version"),
        (json!({"version": ""}), "`version` cannot be a version"),
    ] {
        let said = verge(more.clone()).unwrap_err();
        assert!(said.contains(expected), "{more}: {said}");
        assert!(!said.contains(['\r', '\n']), "{said:?}");
    }
}

#[test]
fn what_is_wrong_with_a_sample_row_is_said() {
    for (json, expected) in [
        (json!({"hk": 1, "dn": "a.example.com"}), "`hk` must be a string (S), found N"),
        (json!({"hk": "", "dn": "a.example.com"}), "`hk` must be 1 to 256 printable"),
        (json!({"hk": "x".repeat(257), "dn": "a.example.com"}), "`hk` must be 1 to 256 printable"),
        (json!({"hk": "v1\n", "dn": "a.example.com"}), "`hk` must be 1 to 256 printable"),
        (json!({"hk": "v1"}), "it has neither a domain nor `alias_of`"),
        (json!({"hk": "v1", "dn": 1}), "`dn` must be a string (S), found N"),
        (json!({"hk": "v1", "dn": "a.example.com", "dp": true}), "`dp` must be a string (S), found BOOL"),
        (json!({"hk": "v1", "dn": "a.example.com", "domain": "b.example.com"}), "`dn` and `domain` disagree"),
    ] {
        let said = read(json.clone()).unwrap_err();
        assert!(said.contains(expected), "{json}: {said}");
    }
}

prop_compose! {
    fn timeouts()(
        connect in proptest::option::of(1u64..86_400_000),
        read in proptest::option::of(1u64..86_400),
        write in proptest::option::of(1u64..86_400_000),
        idle in proptest::option::of(1u64..1000),
    ) -> Timeouts {
        Timeouts {
            connect: connect.map(Duration::from_millis),
            read: read.map(Duration::from_secs),
            write: write.map(Duration::from_millis),
            idle: idle.map(Duration::from_secs),
            total: None,
        }
    }
}

prop_compose! {
    fn lifecycles()(
        deprecated_at in proptest::option::of(0i64..4_000_000_000),
        wait in proptest::option::of(0i64..100_000_000),
        brownouts in proptest::collection::vec((0i64..4_000_000_000, 1i64..100_000), 0..3),
        successor in proptest::option::of("[a-zA-Z0-9._~+-]{1,64}"),
        docs in proptest::option::of("https://[a-z]{1,20}/[a-zA-Z0-9/?=&%-]{0,20}"),
    ) -> Option<Lifecycle> {
        let spec = LifecycleSpec {
            deprecated_at,
            sunset_at: wait.map(|wait| deprecated_at.unwrap_or(0) + wait),
            brownouts: brownouts.into_iter().map(|(from, span)| (from, from + span)).collect(),
            successor: successor.as_deref(),
            docs: docs.as_deref(),
        };
        let empty = spec.deprecated_at.is_none()
            && spec.sunset_at.is_none()
            && spec.brownouts.is_empty()
            && spec.successor.is_none()
            && spec.docs.is_none();
        if empty { None } else { Some(Lifecycle::parse(spec).unwrap()) }
    }
}

prop_compose! {
    fn mappings()(
        domain in "[a-z]([a-z0-9-]{0,20}[a-z0-9])?\\.example\\.com",
        base_path in proptest::option::of("(/[a-z0-9][a-zA-Z0-9._~-]{0,8}){1,3}"),
        clear in any::<bool>(),
        port in proptest::option::of(1u16..),
        protocol in proptest::sample::select(vec![None, Some("auto"), Some("h1"), Some("h2")]),
        connect in proptest::option::of(proptest::sample::select(vec!["10.1.2.3", "10.1.2.3:8443"])),
        timeouts in timeouts(),
        hidden in any::<bool>(),
        lifecycle in lifecycles(),
    ) -> MappingSpec {
        let spec = OriginSpec {
            domain: &domain,
            base_path: base_path.as_deref(),
            scheme: clear.then_some("http"),
            port,
            protocol,
            connect,
            timeouts,
        };
        MappingSpec { origin: Origin::parse(&spec, &rules(), &[]).unwrap(), hidden, lifecycle }
    }
}

proptest! {
    #[test]
    fn a_row_written_reads_back(
        key in "[a-zA-Z0-9._~+-]{1,64}",
        sample in any::<bool>(),
        state in prop_oneof![
            3 => mappings().prop_map(RowState::Mapped),
            1 => "[a-zA-Z0-9._~+-]{1,64}".prop_map(|of| RowState::Alias(of.into())),
        ],
    ) {
        let layout = if sample { Layout::Sample } else { Layout::Verge };
        let row = Row { key: key.into(), whole: sample, state };
        let item = write_row(&row, layout, "orders").unwrap();
        for json in [item.to_typed_json(), item.to_plain_json()] {
            let read = read_row(&Item::from_json(&json).unwrap(), layout, &api(), &rules()).unwrap();
            prop_assert_eq!(format!("{read:?}"), format!("{row:?}"));
        }
    }
}
