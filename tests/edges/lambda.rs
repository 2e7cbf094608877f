//! The function of Lambda@Edge, in Node: a question and an answer are a line of JSON each (edge/lambda/tests/lines.mjs).

use crate::{
    Edge,
    core::CLIENT,
    seen::{Asked, Seen, fields_in},
};
use http::HeaderMap;
use serde_json::{Value as Json, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{SystemTime, UNIX_EPOCH},
};
use verge_config::Config;
use verge_tests::corpus::Fixture;

pub(crate) struct Lambda {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// The table it has, and whether it can have it.
    table: Option<(String, bool)>,
    count: u128,
}

impl Lambda {
    pub(crate) fn start() -> Self {
        let mut child = Command::new("node")
            .args(["edge/lambda/tests/lines.mjs", "dist/lambda"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("node");
        let (to, from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, to, from, table: None, count: 0 }
    }

    fn tell(&mut self, question: &Json) -> Json {
        self.to.write_all(format!("{question}\n").as_bytes()).unwrap();
        let mut line = String::new();
        self.from.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }
}

impl Drop for Lambda {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pairs(headers: &HeaderMap) -> Option<Vec<(&str, &str)>> {
    headers.iter().map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect()
}

fn clock() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

impl Edge for Lambda {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Option<Seen> {
        if self.table.as_ref().is_none_or(|(name, _)| *name != fixture.name) {
            let config = Config::parse(&fixture.document()).unwrap();
            let own = config.apis.iter().filter(|api| api.table.is_some() && !fixture.unread.contains(&api.name));
            let own = own
                .map(|api| json!({"api": api.name, "items": fixture.own.get(&api.name).cloned().unwrap_or_default()}));
            let mut tables = vec![json!({"api": null, "items": fixture.items})];
            if !fixture.before.is_empty() {
                tables[0]["before"] = fixture.before.clone().into();
            }
            tables.extend(own);
            let told = self.tell(&json!({"config": fixture.document(), "tables": tables, "now": clock()}));
            self.table = Some((fixture.name.clone(), told["ok"] == true));
        }
        let headers = asked.headers();
        let (headers, answer) = (pairs(&headers)?, pairs(&asked.answer.headers)?);
        if !self.table.as_ref()?.1 {
            return None;
        }
        self.count += 1;
        let id = format!("{:032x}", self.count);
        let told = self.tell(&json!({
            "id": id, "now": asked.now.unwrap_or_else(clock), "client": CLIENT, "tls": asked.tls,
            "method": asked.method.as_str(), "host": asked.host, "path": asked.path, "query": asked.query,
            "headers": headers, "answer": {"status": asked.answer.status, "headers": answer},
        }));
        if told.get("skip").is_some() {
            return None;
        }
        let upstream = &told["upstream"];
        let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
        let request = upstream.is_object().then(|| {
            let mut fields = fields_in(&told["request"]);
            fields.remove("host");
            (text(&upstream["host"]), text(&upstream["path"]), fields)
        });
        let status = told["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
        let mut seen = Seen::at(status, request, fields_in(&told["response"]), text(&told["body"]).as_bytes());
        seen.id = id;
        Some(seen)
    }
}
