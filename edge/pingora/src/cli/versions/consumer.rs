//! One consumer's pin, found, and written if nobody wrote in between.

use crate::{
    cli::{
        ConfigArg, Exit, Failure, Outcome,
        table::{
            Author,
            plan::{RowId, revision},
            print, print_json,
            show::quoted,
            store_failure,
            tables::Tables,
            verdict::names_a_row,
        },
    },
    clock::unix_now,
};
use serde_json::json;
use verge_mappings::{Expect, Item, PIN, StoredPin, parse_all, pin_key};
use verge_router::{
    UnixTime,
    api::{Missing, parse_version},
    lifecycle::{parse_rfc3339, rfc3339},
};

/// Which consumer of which API.
#[derive(Debug, clap::Args)]
pub(super) struct ConsumerArg {
    #[command(flatten)]
    config: ConfigArg,
    /// The API.
    #[arg(value_name = "API")]
    api: String,
    /// The consumer, as `[api.pin] subject` reads it.
    #[arg(value_name = "SUBJECT")]
    subject: String,
}

/// How it is written.
#[derive(Debug, clap::Args)]
pub(super) struct Manner {
    /// Show what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object: the item before and after, and whether it was written.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    author: Author,
}

/// A consumer, and the pin it has.
pub(super) struct Consumer {
    tables: Tables,
    id: RowId,
    before: Option<Item>,
    pub(super) now: UnixTime,
}

impl ConsumerArg {
    /// Reads the tables, and the consumer's pin.
    pub(super) fn find(&self) -> Result<Consumer, Failure> {
        let tables = Tables::read(&self.config)?;
        let table = tables.home(&self.api)?;
        table.content()?;
        if !tables.apis().contains(&self.api) {
            return Err(tables.unknown(&self.api));
        }
        let id = RowId::new(&self.api, &pin_key(self.subject.as_bytes()));
        let before = match table.store() {
            Ok(store) => tables.wait(store.get(&id.api, &id.key)).map_err(store_failure)?,
            Err(_) => tables.rows().remove(&id),
        };
        Ok(Consumer { tables, id, before, now: unix_now() })
    }
}

impl Consumer {
    fn refuse<T>(&self, reason: impl std::fmt::Display) -> Result<T, Failure> {
        Err(Failure::new(Exit::Failed, format!("{} {}: {reason}", quoted(&self.id.api), self.name())))
    }

    fn name(&self) -> String {
        quoted(self.id.key.strip_prefix(PIN).unwrap_or_default())
    }

    /// What it is pinned to.
    pub(super) fn pin(&self) -> Result<StoredPin, Failure> {
        match self.before.as_ref().map(StoredPin::read) {
            Some(Ok(pin)) => Ok(pin),
            Some(Err(error)) => {
                self.refuse(format_args!("its pin cannot be read: {error}; `verge versions pin` replaces it"))
            }
            None => self.refuse("it has no pin"),
        }
    }

    /// The stored item.
    pub(super) fn item(&self) -> Result<&Item, Failure> {
        match &self.before {
            Some(item) => Ok(item),
            None => self.refuse("it has no pin"),
        }
    }

    /// A version that the API has, to be pinned to.
    pub(super) fn version(&self, text: &str) -> Result<Box<str>, Failure> {
        let version = parse_version(text).map_err(|error| Failure::new(Exit::Usage, error))?;
        let (table, _) = parse_all(&self.tables.parts(&[]), self.tables.drafts(), self.tables.rules(), None);
        let Some(part) = table.api(&self.id.api) else { return Err(self.tables.unknown(&self.id.api)) };
        if *part.api().missing() != Missing::Pin {
            eprintln!(
                "warning: pins of `{}` do nothing before its policy is `missing = \"pin\"`",
                quoted(&self.id.api)
            );
        }
        if !names_a_row(part, &version) {
            return self.refuse(format_args!("`{}` is not in the table", quoted(&version)));
        }
        Ok(version)
    }

    /// Refuses a step that the pin as it is does not allow.
    pub(super) fn forbid<T>(&self, reason: impl std::fmt::Display) -> Result<T, Failure> {
        self.refuse(reason)
    }

    /// Puts this pin in place of the one that was found.
    pub(super) fn put(self, pin: &StoredPin, manner: &Manner) -> Outcome {
        let table = self.tables.home(&self.id.api)?;
        let store = table.store()?;
        let bare = self.before.clone().unwrap_or_else(|| self.id.item(table.layout()));
        let mut after = pin.write(bare);
        let is_same = self.before.as_ref().and_then(|item| StoredPin::read(item).ok()).as_ref() == Some(pin);
        let written = !is_same && !manner.dry_run;
        if written {
            let expect = self.before.as_ref().map_or(Expect::Absent, |item| Expect::Revision(revision(item)));
            after = self.tables.wait(store.put(after, expect, &manner.author.name())).map_err(store_failure)?;
        }
        self.say(Some((&after, pin)), written, manner)
    }

    /// Takes the pin away.
    pub(super) fn delete(self, manner: &Manner) -> Outcome {
        let item = self.item()?;
        let store = self.tables.home(&self.id.api)?.store()?;
        if !manner.dry_run {
            let expect = Expect::Revision(revision(item));
            self.tables.wait(store.delete(&self.id.api, &self.id.key, expect)).map_err(store_failure)?;
        }
        self.say(None, !manner.dry_run, manner)
    }

    fn say(&self, after: Option<(&Item, &StoredPin)>, written: bool, manner: &Manner) -> Outcome {
        match (written, manner.dry_run) {
            (true, _) => eprintln!("written; nodes follow within a poll"),
            (false, true) => eprintln!("nothing is written (--dry-run)"),
            (false, false) => eprintln!("nothing to change"),
        }
        if manner.json {
            let plain = |item: Option<&Item>| item.map(Item::to_plain_json);
            let after = after.map(|(item, _)| item);
            print_json(&json!({"written": written, "before": plain(self.before.as_ref()), "after": plain(after)}))?;
        } else {
            let words = after.map_or("no pin".to_owned(), |(_, pin)| words(pin, self.now));
            print(&format!("{} {}: {words}\n", quoted(&self.id.api), self.name()))?;
        }
        Ok(Exit::Ok)
    }
}

/// What a pin says at this time, in words.
pub(super) fn words(stored: &StoredPin, now: UnixTime) -> String {
    let mut out = quoted(&stored.pin.version);
    if let Some(upgrade) = &stored.pin.upgrade {
        out.push_str(&format!(", {} from {}", quoted(&upgrade.version), rfc3339(upgrade.at)));
        match stored.rollback_until {
            Some(until) if until > now => out.push_str(&format!(" (to be taken back until {})", rfc3339(until))),
            _ => {}
        }
    }
    if let Some(expires) = stored.pin.expires {
        out.push_str(&format!(", {} {}", if expires > now { "until" } else { "over since" }, rfc3339(expires)));
    }
    out
}

/// A time on the command line.
pub(super) fn parse_time(text: &str) -> Result<UnixTime, String> {
    parse_rfc3339(text).ok_or_else(|| "a time is written in RFC 3339 and UTC, such as 2026-11-23T10:00:00Z".to_owned())
}
