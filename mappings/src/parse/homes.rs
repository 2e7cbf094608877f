//! Which API an item belongs to, by where it stands and what it says.

use super::{Part, Scope};
use crate::{
    API_ITEM, TRIP,
    item::{Fields, InvalidRow, Item, Layout},
};
use verge_router::ApiDraft;

/// Which API an item belongs to.
pub(super) struct Homes<'p> {
    /// APIs with a table of their own, in order.
    own: Vec<&'p str>,
    drafts: &'p [(String, ApiDraft)],
}

/// Where an item belongs.
pub(super) struct Home<'i> {
    pub(super) api: &'i str,
    pub(super) layout: Layout,
    pub(super) key: Option<&'i str>,
}

/// Why an item belongs nowhere.
pub(super) enum Homeless {
    /// Its keys are of no layout.
    NoKey,
    /// Its `api` is unfit.
    Api(Layout, InvalidRow),
    /// Its layout names no API, and several could be meant.
    NoApi,
}

impl<'p> Homes<'p> {
    pub(super) fn new<I>(parts: &'p [Part<I>], drafts: &'p [(String, ApiDraft)]) -> Self {
        let own = |part: &'p Part<I>| match &part.scope {
            Scope::Api(name) => Some(name.as_str()),
            Scope::All | Scope::Index | Scope::Within(_) => None,
        };
        let mut own: Vec<&str> = parts.iter().filter_map(own).collect();
        own.sort_unstable();
        Self { own, drafts }
    }

    /// Where an item of this part belongs; `None`: it is Verge's own, or another table's business.
    pub(super) fn find<'i, I>(
        &self,
        part: &'i Part<I>,
        layout: Option<Layout>,
        item: &'i Item,
    ) -> Result<Option<Home<'i>>, Homeless>
    where
        'p: 'i,
    {
        let layout = layout.or_else(|| item.layout()).ok_or(Homeless::NoKey)?;
        let api = match layout {
            Layout::Sample => only_api(&part.scope, self.drafts, &self.own),
            Layout::Verge => {
                Fields::of_one(item.attributes()).text("api").map_err(|error| Homeless::Api(layout, error))?
            }
        };
        let key = item.key(layout);
        let api = match (item.is_own(layout), key) {
            (true, Some(API_ITEM)) | (false, _) => api.ok_or(Homeless::NoApi)?,
            (true, Some(key)) if key.starts_with(TRIP) => match api {
                Some(api) => api,
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let elsewhere = match &part.scope {
            Scope::All | Scope::Index => is_among(&self.own, api),
            Scope::Api(name) => name != api,
            Scope::Within(name) => **name != *api || is_among(&self.own, api),
        };
        Ok((!elsewhere && !api.starts_with('#')).then_some(Home { api, layout, key }))
    }
}

/// Whether a name is among others that are in order.
pub(super) fn is_among(names: &[&str], name: &str) -> bool {
    names.binary_search(&name).is_ok()
}

/// The API that rows in the sample layout belong to: an own table's, or the only one without an own table.
pub(crate) fn only_api<'d>(scope: &'d Scope, drafts: &'d [(String, ApiDraft)], own: &[&str]) -> Option<&'d str> {
    match scope {
        Scope::Api(name) => Some(name),
        // They are in the Verge layout, which says so itself.
        Scope::Index | Scope::Within(_) => None,
        Scope::All => {
            let mut left = drafts.iter().map(|(name, _)| name.as_str()).filter(|name| !is_among(own, name));
            left.next().filter(|_| left.next().is_none())
        }
    }
}
