//! The pin of the consumer whose request is explained: as the store has it, or as it is said on the command line.

use crate::{
    app::{self, sources::Sources},
    cli::{Exit, Failure},
    explain::{Said, SaidPin},
};
use std::cell::RefCell;
use verge_config::Config;
use verge_mappings::{StoredPin, pin_key};
use verge_router::{Pinned, Pins};

/// Knows nothing, and keeps what it is asked.
#[derive(Default)]
pub(super) struct Asked(RefCell<Option<(String, Vec<u8>)>>);

impl Pins for Asked {
    fn pinned(&self, api: &str, subject: &[u8]) -> Pinned {
        *self.0.borrow_mut() = Some((api.to_owned(), subject.to_owned()));
        Pinned::NotKnown
    }
}

/// What is known of the consumer that was asked for. Where none was, nothing is read.
pub(super) fn known(asked: &Asked, said: Option<&SaidPin>, config: &Config) -> Result<Said, Failure> {
    let pinned = match (said, asked.0.take()) {
        (Some(pin), _) => return Ok(pin.into()),
        (None, None) => Pinned::NotKnown,
        (None, Some((api, subject))) => read(config, &api, &subject)?,
    };
    Ok(Said(pinned))
}

fn read(config: &Config, api: &str, subject: &[u8]) -> Result<Pinned, Failure> {
    let background = app::runtime()?;
    let sources = Sources::open(config, &background, None)?;
    let Some(source) = (sources.pins())(api) else { return Ok(Pinned::Nowhere) };
    let read = background.block_on(async {
        // A file says what it holds once it was read.
        if sources.store(api).is_none() {
            sources.live_table(config).refresh_once().await?;
        }
        source.read_pin(api, &pin_key(subject)).await
    });
    let item = read.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    Ok(match item.as_ref().map(StoredPin::read) {
        None => Pinned::Nowhere,
        Some(Ok(stored)) => Pinned::To(stored.pin.into()),
        Some(Err(_)) => Pinned::Unreadable,
    })
}
