//! `[usage]`: how consumers are told apart when their use of versions is counted.

use crate::section::Section;
use verge_router::split::Sticky;

/// `[usage]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// What says who a consumer is, the first that a request has; empty: nobody is told apart.
    pub consumer: Vec<ConsumerBy>,
}

/// What says who a consumer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConsumerBy {
    /// Something the request says.
    Said(Sticky),
    /// The network it comes from.
    Network,
}

pub(crate) fn read(root: &mut Section<'_>) -> Usage {
    let Some(mut section) = root.section("usage") else { return Usage::default() };
    let consumer = section.list("consumer", parse).unwrap_or_default();
    section.close();
    Usage { consumer }
}

fn parse(text: &str) -> Result<ConsumerBy, String> {
    match (text, Sticky::parse(text)) {
        ("network", _) => Ok(ConsumerBy::Network),
        (_, Ok(said)) if said != Sticky::Address && said != Sticky::Signed => Ok(ConsumerBy::Said(said)),
        _ => {
            let shown = crate::units::shown(text);
            Err(format!(
                "`{shown}` does not say who a consumer is: write `header:NAME`, `claim:NAME`, `cookie:NAME`, `query:NAME` or `network`"
            ))
        }
    }
}
