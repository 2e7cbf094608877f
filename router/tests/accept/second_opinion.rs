//! A second opinion on `Accept`: one byte at a time, one state after another.

/// One media range: type as written, value of `version` as written between its quotes, weight in thousandths.
#[derive(Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) media: Vec<u8>,
    pub(crate) version: Option<Vec<u8>>,
    pub(crate) q: u16,
}

/// Each element that is not blank: what it says, or `None` where it is to be skipped.
pub(crate) fn hear(line: &[u8]) -> Vec<Option<Heard>> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Media,
        Name,
        Value,
        Token,
        Quoted,
        Escape,
        Closed,
    }
    let mut heard = Vec::new();
    let (mut state, mut sound) = (State::Media, true);
    let (mut media, mut name, mut value) = (Vec::new(), Vec::new(), Vec::new());
    let mut parameters: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    for b in line.iter().copied().map(Some).chain([None]) {
        let open = matches!(state, State::Quoted | State::Escape);
        match b {
            Some(b'"') if state == State::Quoted => state = State::Closed,
            Some(b'\\') if state == State::Quoted => {
                value.push(b'\\');
                state = State::Escape;
            }
            Some(b) if open => {
                value.push(b);
                state = State::Quoted;
            }
            Some(b';') | Some(b',') | None => {
                sound &= !open;
                let text = std::mem::take(&mut value);
                match state {
                    State::Media => media = text,
                    State::Name => parameters.push((text, Vec::new())),
                    State::Token => parameters.push((std::mem::take(&mut name), text.trim_ascii_end().to_vec())),
                    _ => parameters.push((std::mem::take(&mut name), text)),
                }
                state = State::Name;
                if b != Some(b';') {
                    let parameters = std::mem::take(&mut parameters);
                    let media = std::mem::take(&mut media).trim_ascii().to_vec();
                    if !(media.is_empty() && parameters.is_empty()) {
                        heard.push(finish(media, parameters, sound));
                    }
                    (state, sound) = (State::Media, true);
                }
            }
            Some(b'=') if state == State::Name => {
                name = std::mem::take(&mut value);
                state = State::Value;
            }
            Some(b' ' | b'\t') if state == State::Value => {}
            Some(b'"') if state == State::Value => state = State::Quoted,
            Some(b) if state == State::Closed => sound &= matches!(b, b' ' | b'\t'),
            Some(b) => {
                value.push(b);
                if state == State::Value {
                    state = State::Token;
                }
            }
        }
    }
    heard
}

fn finish(media: Vec<u8>, parameters: Vec<(Vec<u8>, Vec<u8>)>, sound: bool) -> Option<Heard> {
    let named = |wanted: &'static [u8]| {
        parameters
            .iter()
            .filter(move |(name, _)| name.trim_ascii().eq_ignore_ascii_case(wanted))
            .map(|(_, value)| &value[..])
    };
    let weights: Vec<&[u8]> = named(b"q").collect();
    let q = match weights[..] {
        [] => 1000,
        [q] => {
            let text = std::str::from_utf8(q).ok()?;
            let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
            let digits = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
            if !(digits && (whole == "0" || whole == "1")) {
                return None;
            }
            format!("{whole}{fraction:0<3}").parse().ok().filter(|q| *q <= 1000)?
        }
        _ => return None,
    };
    let version = named(b"version").next().map(<[u8]>::to_vec);
    sound.then_some(Heard { media, version, q })
}
