use super::*;

fn rows(json: Json) -> Rows {
    let one = |json: &Json| {
        let item = Item::from_json(json).unwrap();
        (RowId::new(item.text("api").unwrap(), item.text("version").unwrap()), item)
    };
    json.as_array().unwrap().iter().map(one).collect()
}

fn row(version: &str, domain: &str) -> Json {
    json!({"api": "orders", "version": version, "domain": domain})
}

fn words(plan: &Plan) -> Vec<String> {
    plan.changes.iter().map(|change| format!("{} {} {}", change.verb(), change.id.api, change.id.key)).collect()
}

#[test]
fn a_plan_is_what_differs() {
    let current = rows(json!([row("v1", "a.example"), row("v2", "b.example"), row("v3", "c.example")]));
    let wanted = rows(json!([row("v1", "a.example"), row("v2", "z.example"), row("v10", "d.example")]));
    let plan = Plan::new(&current, wanted.clone(), false);
    assert_eq!(words(&plan), ["change orders v2", "add orders v10"]);
    assert_eq!((plan.unchanged, plan.aside, plan.removals()), (1, 0, 0));
    let pruned = Plan::new(&current, wanted, true);
    assert_eq!(words(&pruned), ["change orders v2", "remove orders v3", "add orders v10"]);
}

#[test]
fn bookkeeping_is_no_difference() {
    let current = rows(json!([{"api": "orders", "version": "v1", "domain": "a.example", "revision": 7,
        "updated_by": "ann", "updated_at": "2026-11-23T10:00:00Z", "previous": {"domain": "b.example"}}]));
    let plan = Plan::new(&current, rows(json!([row("v1", "a.example")])), true);
    assert_eq!((plan.changes.len(), plan.unchanged), (0, 1));
}

#[test]
fn a_set_and_the_list_it_is_exported_as_say_the_same() {
    let mut current = rows(json!([row("v1", "a.example")]));
    let item = current.values_mut().next().unwrap();
    item.insert("tags", Value::Ss(["b".to_owned(), "a".to_owned()].into()));
    let wanted = rows(json!([{"api": "orders", "version": "v1", "domain": "b.example", "tags": ["a", "b"]}]));
    let plan = Plan::new(&current, wanted, false);
    let names: Vec<_> = plan.changes[0].attributes().iter().map(|one| one.name.to_owned()).collect();
    assert_eq!(names, ["domain"]);
    // And the set stays one.
    assert_eq!(plan.changes[0].after.as_ref().unwrap().get("tags").unwrap().type_name(), "SS");
}

#[test]
fn an_order_within_a_list_is_a_difference() {
    let with = |list: Json| rows(json!([{"api": "orders", "version": "#api", "hosts": list}]));
    assert_eq!(Plan::new(&with(json!(["a", "b"])), with(json!(["b", "a"])), false).changes.len(), 1);
}

#[test]
fn other_apis_are_left_alone_and_own_items_too() {
    let current = rows(json!([
        row("v1", "a.example"),
        {"api": "orders", "version": "#control", "freeze": true},
        {"api": "payments", "version": "v1", "domain": "p.example"},
        {"api": "#verge", "version": "#generation", "generation": 4},
    ]));
    let plan = Plan::new(&current, rows(json!([row("v2", "a.example")])), true);
    assert_eq!(words(&plan), ["remove orders v1", "add orders v2"]);
    assert_eq!(plan.aside, 1);
}

#[test]
fn an_attribute_that_is_not_wanted_goes() {
    let current = rows(json!([{"api": "orders", "version": "v1", "domain": "a.example", "status": "hidden"}]));
    let plan = Plan::new(&current, rows(json!([row("v1", "a.example")])), false);
    let change = plan.changes[0].json();
    assert_eq!(change["attributes"], json!([{"name": "status", "before": "hidden", "after": null}]));
}

#[test]
fn what_is_pointed_at_is_written_first_and_removed_last() {
    let alias = json!({"api": "orders", "version": "alias", "alias_of": "v9"});
    let old = json!({"api": "orders", "version": "old", "alias_of": "v1"});
    let current = rows(json!([row("v1", "a.example"), old]));
    let wanted = rows(json!([alias, row("v9", "z.example"), {"api": "orders", "version": "#api", "hosts": ["*"]}]));
    let turns = Plan::new(&current, wanted, true).into_turns();
    let keys: Vec<_> = turns.iter().map(|change| change.id.key.as_str()).collect();
    assert_eq!(keys, ["#api", "v9", "alias", "old", "v1"]);
}

#[test]
fn a_write_is_conditional_on_what_was_seen() {
    let item = Item::from_json(&json!({"revision": 3})).unwrap();
    let change = |before: Option<Item>| Change { id: RowId::new("a", "v1"), before, after: None };
    assert_eq!(change(Some(item)).expect(), Expect::Revision(3));
    assert_eq!(change(Some(Item::new())).expect(), Expect::Revision(0));
    assert_eq!(change(None).expect(), Expect::Absent);
}
