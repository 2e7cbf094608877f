//! The function of Lambda@Edge as it is shipped, in Node, called with events: a question and an answer are a line of JSON each
//! (edge/lambda/tests/lines.mjs).

use crate::{
    Edge, NotAsked, clock,
    core::CLIENT,
    rows::{has_pins, own},
    seen::{Asked, Seen, fields_in},
};
use http::HeaderMap;
use serde_json::{Value as Json, json};
use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};
use verge_lambda::fields::Trigger;
use verge_tests::corpus::{Fixture, Upstream};

pub(crate) struct Lambda {
    child: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    /// The table it has; an error says why it cannot have it.
    table: Option<(String, Result<(), String>)>,
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

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Edge for Lambda {
    fn name(&self) -> &'static str {
        "lambda"
    }

    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Result<Seen, NotAsked> {
        if has_pins(fixture) {
            return Err(NotAsked::known("a table with pins: this edge reads none"));
        }
        if self.table.as_ref().is_none_or(|(name, _)| *name != fixture.name) {
            let mut tables = vec![json!({"api": null, "items": fixture.items})];
            if !fixture.before.is_empty() {
                tables[0]["before"] = fixture.before.clone().into();
            }
            tables.extend(own(fixture).into_iter().map(|(api, _, items)| json!({"api": api, "items": items})));
            let told = self.tell(&json!({"config": fixture.document(), "tables": tables, "now": clock::now()}));
            let table = if told["ok"] == true { Ok(()) } else { Err(format!("it does not take its tables: {told}")) };
            self.table = Some((fixture.name.clone(), table));
        }
        if let Some((_, Err(why))) = &self.table {
            return Err(NotAsked::Failed(why.clone()));
        }
        let (headers, of_answer) = (asked.headers(), &asked.answer.headers);
        let (Some(headers), Some(answer)) = (pairs(&headers), pairs(of_answer)) else {
            return Err(NotAsked::known("with bytes that are no text: an event is JSON"));
        };
        self.count += 1;
        let id = format!("{:032x}", self.count);
        let told = self.tell(&json!({
            "id": id, "now": asked.now.unwrap_or_else(clock::now), "client": CLIENT, "tls": asked.tls,
            "method": asked.method.as_str(), "host": asked.host, "path": asked.path, "query": asked.query,
            "headers": headers, "answer": {"status": asked.answer.status, "headers": answer},
        }));
        if let Some(why) = told["skip"].as_str() {
            return Err(NotAsked::known(why));
        }
        // CloudFront refuses an answer whole that touches what is its own.
        let (there, back) = (Trigger::OriginRequest, Trigger::OriginResponse);
        for (trigger, place) in [(there, "there"), (back, "back")] {
            let mut names = told["touched"][place].as_array().into_iter().flatten().filter_map(Json::as_str);
            if let Some(name) = names.find(|name| !trigger.may_edit(name)) {
                return Err(NotAsked::Failed(format!("it touches `{name}` on the way {place}")));
            }
        }
        let upstream = &told["upstream"];
        let request = upstream.is_object().then(|| {
            let mut fields = fields_in(&told["request"]);
            fields.remove("host");
            let upstream = Upstream {
                scheme: text(&upstream["scheme"]),
                host: text(&upstream["host"]),
                port: upstream["port"].as_u64().and_then(|port| u16::try_from(port).ok()).unwrap_or(0),
                sni: text(&upstream["sni"]),
                path: text(&upstream["path"]),
            };
            (upstream, fields)
        });
        let status = told["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or(0);
        let mut body = text(&told["body"]);
        if let Some(error) = told["error"].as_str() {
            error.clone_into(&mut body);
        }
        let mut seen = Seen::at(status, request, fields_in(&told["response"]), body.as_bytes());
        seen.id = id;
        Ok(seen)
    }
}
