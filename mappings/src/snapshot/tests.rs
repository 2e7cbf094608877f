use super::*;
use crate::{cache::stored::Packer, parse::Items, source::Reading};

fn pack(items: Vec<Item>) -> Stored {
    let mut packer = Packer::new().unwrap();
    Reading::new(items, Some(Layout::Verge)).pour(&mut packer);
    packer.finish().unwrap()
}

fn file(name: &str) -> SnapshotFile {
    let directory = std::env::temp_dir().join(format!("verge-snapshot-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&directory);
    SnapshotFile::new(directory.join("state/table.snapshot"), "table a".to_owned())
}

fn snapshot(rows: usize) -> Snapshot {
    let item = |n: usize| Item::new().with("api", "orders").with("version", &format!("v{n}")).with("domain", "a");
    Snapshot {
        read_at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
        stored: pack((0..rows).map(item).collect()),
        last_good: vec![item(7).with("domain", "b")],
    }
}

fn content(snapshot: Snapshot) -> (SystemTime, Facts, Vec<Item>, Vec<Item>) {
    let mut items = Vec::new();
    snapshot.stored.each(&mut |item| items.push(item.clone())).unwrap();
    (snapshot.read_at, snapshot.stored.facts, items, snapshot.last_good)
}

fn save(file: &SnapshotFile, snapshot: &Snapshot) {
    file.save(&snapshot.stored, &snapshot.last_good, snapshot.read_at).unwrap();
}

#[test]
fn what_is_saved_is_loaded() {
    let file = file("whole");
    assert_eq!(file.load().unwrap(), None);
    for rows in [0, 1, 1000] {
        save(&file, &snapshot(rows));
        assert_eq!(file.load().unwrap(), Some(snapshot(rows)));
    }
}

#[test]
fn every_cut_and_every_changed_byte_is_noticed() {
    let file = file("damaged");
    save(&file, &snapshot(50));
    let bytes = fs::read(&file.path).unwrap();
    for cut in 0..bytes.len() {
        let code = file.read(bytes[..cut].to_vec()).unwrap_err().code();
        assert_eq!(code, "damaged", "cut at {cut}");
    }
    for place in 0..bytes.len() {
        let mut broken = bytes.clone();
        broken[place] ^= 0x01;
        // A byte of the frame's head may say otherwise how to read the same.
        assert!(!file.read(broken).is_ok_and(|read| content(read) != content(snapshot(50))), "byte {place}");
    }
}

#[test]
fn another_tables_and_another_forms_are_refused() {
    let file = file("foreign");
    save(&file, &snapshot(1));
    let other = SnapshotFile { binding: "table b".to_owned(), ..file.clone() };
    assert_eq!(other.load().unwrap_err().code(), "foreign");
    let other_form = zstd::encode_all(&br#"{"verge_snapshot": 3, "anything": "else"}"#[..], 0).unwrap();
    fs::write(&file.path, other_form).unwrap();
    assert_eq!(file.load().unwrap_err().code(), "other_form");
    fs::write(&file.path, "{}").unwrap();
    assert_eq!(file.load().unwrap_err().code(), "damaged");
}

#[test]
fn a_first_line_without_end_is_damage_and_takes_bounded_memory() {
    let file = file("endless");
    // A few kilobytes that unpack to more than a line may hold, and a window that would take as much.
    let mut frame = zstd::Encoder::new(Vec::new(), 1).unwrap();
    io::copy(&mut io::repeat(b' ').take(2 * MAX_HEAD as u64), &mut frame).unwrap();
    let error = file.read(frame.finish().unwrap()).unwrap_err();
    assert!(error.to_string().ends_with("its first line: it has no end"), "{error}");
    let mut frame = zstd::Encoder::new(Vec::new(), 1).unwrap();
    frame.window_log(27).unwrap();
    frame.write_all(b"{}").unwrap();
    let error = file.read(frame.finish().unwrap()).unwrap_err();
    assert!(error.to_string().contains("memory"), "{error}");
}

#[test]
fn each_api_has_a_snapshot_of_its_own_whatever_its_name() {
    let table = file("apis");
    let names = ["orders", "Orders.v2", "a.api.new", "..", &"n".repeat(128)];
    for name in names {
        save(&table.of_api(name), &snapshot(1));
    }
    let mut found = table.apis();
    found.sort();
    let mut names: Vec<Arc<str>> = names.into_iter().map(Arc::from).collect();
    names.sort();
    assert_eq!(found, names);
    for name in &names {
        assert_eq!(table.of_api(name).load().unwrap(), Some(snapshot(1)), "{name}");
    }
}

#[test]
fn a_half_written_one_leaves_the_old_one_alone() {
    let file = file("half");
    save(&file, &snapshot(3));
    fs::write(file.path.with_file_name("table.snapshot.new"), b"half").unwrap();
    assert_eq!(file.load().unwrap(), Some(snapshot(3)));
    save(&file, &snapshot(4));
    assert_eq!(file.load().unwrap(), Some(snapshot(4)));
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let file = SnapshotFile::new("/proc/verge/table.snapshot", String::new());
    assert_eq!(file.save(&pack(Vec::new()), &[], SystemTime::now()).unwrap_err().code(), "unwritable");
}
