//! `GET /table`: the table as it is served, for edges that read no store. A fleet of them asks at once after each change, and
//! what they are given is made once.

use super::{Admin, api_of, text};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use std::{collections::BTreeMap, io, sync::Arc};
use tokio::{sync::Mutex, task::spawn_blocking};
use verge_mappings::Export;

/// Tables as they were given away last: of all APIs that have no own one, and of others by their names.
#[derive(Debug, Default)]
pub(crate) struct Pages(Arc<Mutex<BTreeMap<Option<String>, Page>>>);

/// A table, written.
#[derive(Debug)]
struct Page {
    tag: String,
    body: Bytes,
}

impl Pages {
    /// A table, written now if it is not the last one. One is written at a time, whoever waits for it or goes.
    async fn give(&self, api: Option<&str>, export: Export) -> io::Result<Bytes> {
        let mut pages = self.0.clone().lock_owned().await;
        let api = api.map(str::to_owned);
        let writing = spawn_blocking(move || {
            let tag = export.tag();
            if let Some(page) = pages.get(&api).filter(|page| page.tag == tag) {
                return Ok(page.body.clone());
            }
            // There is one of each in memory, while the next one is written too.
            pages.remove(&api);
            let body = write(&export)?;
            pages.insert(api, Page { tag, body: body.clone() });
            Ok(body)
        });
        writing.await.map_err(io::Error::other)?
    }
}

fn write(export: &Export) -> io::Result<Bytes> {
    let mut page = Vec::new();
    let generation = export.generation().map_or_else(|| "null".to_owned(), |generation| generation.to_string());
    page.extend_from_slice(format!("{{\"generation\":{generation},\"Items\":[").as_bytes());
    let (mut first, mut written) = (true, Ok(()));
    export.each(&mut |item| {
        if !std::mem::take(&mut first) {
            page.push(b',');
        }
        if let Err(error) = serde_json::to_writer(&mut page, item) {
            written = Err(error);
        }
    })?;
    written?;
    page.extend_from_slice(b"]}\n");
    Ok(Bytes::from(page))
}

impl Admin {
    /// The table; 304 where they have it already (RFC 9110 §13.1.2).
    pub(super) async fn table(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let api = api_of(request);
        let Some(export) = self.table.export(api) else {
            return text(StatusCode::NOT_FOUND, "no such table is held: it was not read, or is loaded on demand\n");
        };
        let tag = format!("\"{}\"", export.tag());
        let known = request.headers().get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let mut answer = if known.flat_map(|line| line.split(',')).any(|known| known.trim() == tag) {
            let mut answer = Response::new(Full::default());
            *answer.status_mut() = StatusCode::NOT_MODIFIED;
            answer
        } else {
            match self.pages.give(api, export).await {
                Ok(page) => {
                    let mut answer = text(StatusCode::OK, page);
                    let json = HeaderValue::from_static("application/json");
                    answer.headers_mut().insert(header::CONTENT_TYPE, json);
                    answer
                }
                Err(error) => return text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
            }
        };
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.headers_mut().insert(header::ETAG, tag);
        }
        // Whoever holds this need not judge it: this node has.
        answer.headers_mut().insert("verge-table", HeaderValue::from_static("served"));
        answer
    }
}
