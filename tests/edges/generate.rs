//! Requests made of the corpus's pieces: hosts, paths, queries and fields of one table's cases, put together anew and
//! changed a little. The same seed makes the same requests.

use crate::seen::Asked;
use http::{HeaderValue, Method};
use std::collections::BTreeMap;
use verge_router::UnixTime;
use verge_tests::corpus::{Answer, Case};

/// A sequence without end (xorshift64*).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap() % bound.max(1)
    }

    fn one_in(&mut self, of: usize) -> bool {
        self.below(of) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

/// What a table's cases are made of.
#[derive(Default)]
struct Pieces {
    hosts: Vec<String>,
    paths: Vec<String>,
    queries: Vec<Option<String>>,
    fields: Vec<(String, HeaderValue)>,
    answers: Vec<Answer>,
    /// When its cases are asked; empty where any time will do.
    times: Vec<UnixTime>,
}

pub(crate) struct Generator {
    chance: Chance,
    pieces: BTreeMap<String, Pieces>,
}

const METHODS: [Method; 6] = [Method::GET, Method::GET, Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS];
/// Longer fields say nothing that shorter ones do not, a hundred thousand times.
const LONGEST: usize = 400;

impl Generator {
    pub(crate) fn new(cases: &[Case], seed: u64) -> Self {
        let mut pieces: BTreeMap<String, Pieces> = BTreeMap::new();
        for case in cases {
            let of = pieces.entry(case.fixture.name.clone()).or_default();
            of.hosts.push(case.authority.clone());
            of.paths.push(case.path.clone());
            of.queries.push(case.query.clone());
            of.answers.push(case.answer.clone());
            of.times.extend(case.now);
            let plain = |(_, value): &&(String, HeaderValue)| {
                value.len() <= LONGEST && value.as_bytes().iter().all(|b| matches!(b, b' '..=b'~'))
            };
            of.fields.extend(case.fields.iter().filter(plain).cloned());
        }
        Self { chance: Chance(seed | 1), pieces }
    }

    /// How many tables it makes requests for.
    pub(crate) fn fixtures(&self) -> u64 {
        self.pieces.len() as u64
    }

    pub(crate) fn make(&mut self, fixture: &str) -> Asked {
        let (chance, of) = (&mut self.chance, &self.pieces[fixture]);
        let mut fields = Vec::new();
        if !of.fields.is_empty() {
            for _ in 0..chance.below(4) {
                let (name, value) = chance.pick(&of.fields);
                let mut bytes = value.as_bytes().to_vec();
                if chance.one_in(2) {
                    change(chance, &mut bytes);
                }
                fields.push((name.clone(), HeaderValue::from_bytes(&bytes).unwrap()));
            }
        }
        let mut path = chance.pick(&of.paths).clone().into_bytes();
        if chance.one_in(4) && path != b"*" {
            change(chance, &mut path[1..]);
        }
        let path = String::from_utf8(path).unwrap();
        let method = if path == "*" { Method::OPTIONS } else { chance.pick(&METHODS).clone() };
        let query = chance.pick(&of.queries).clone().map(|query| {
            let mut query = query.into_bytes();
            if chance.one_in(4) {
                change(chance, &mut query);
            }
            String::from_utf8(query).unwrap()
        });
        let (host, answer) = (chance.pick(&of.hosts).clone(), chance.pick(&of.answers).clone());
        // Around what a row says happens then.
        let now = (!of.times.is_empty()).then(|| chance.pick(&of.times) + [-86_400, -1, 0, 1, 86_400][chance.below(5)]);
        Asked { method, tls: false, host, path, query, fields, answer, now }
    }
}

/// Changes one letter or digit to another, or its case.
fn change(chance: &mut Chance, text: &mut [u8]) {
    let places: Vec<usize> = (0..text.len()).filter(|&place| text[place].is_ascii_alphanumeric()).collect();
    // What is escaped stays what it is.
    if places.is_empty() || text.contains(&b'%') {
        return;
    }
    let byte = &mut text[*chance.pick(&places)];
    *byte = match *byte {
        b'0'..=b'9' => b'0' + u8::try_from(chance.below(10)).unwrap(),
        letter if chance.one_in(2) => letter ^ 0x20,
        _ => b'a' + u8::try_from(chance.below(26)).unwrap(),
    };
}
