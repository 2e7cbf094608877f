//! Secrets, which are never written in a configuration.

use std::fmt;

/// Where a secret is found. There is no variant for the secret itself, so no log line or message can show one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Secret {
    /// In the environment variable of this name; written `env:NAME`.
    Env(String),
}

impl Secret {
    /// Reads `env:NAME`.
    ///
    /// # Errors
    /// Anything else; the message does not repeat it, for it may be the secret.
    pub fn parse(text: &str) -> Result<Self, InvalidSecret> {
        let name = text.strip_prefix("env:").ok_or(InvalidSecret::Literal)?;
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if name.is_empty() || !name.bytes().all(plain) || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(InvalidSecret::Name);
        }
        Ok(Self::Env(name.to_owned()))
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
        }
    }
}

/// Why a text is no [`Secret`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSecret {
    /// It does not begin with `env:`.
    #[error("a secret is not written here: put it in an environment variable and write `env:NAME`")]
    Literal,
    /// What follows `env:` is no variable's name.
    #[error("after `env:` comes the name of an environment variable: letters, digits and `_`, no digit first")]
    Name,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_name_of_a_variable() {
        assert_eq!(Secret::parse("env:VERGE_TOKEN").unwrap(), Secret::Env("VERGE_TOKEN".into()));
        assert_eq!(Secret::parse("env:VERGE_TOKEN").unwrap().to_string(), "env:VERGE_TOKEN");
        for bad in ["env:", "env:1A", "env:A B", "env:A=1", "env:\u{e4}"] {
            assert_eq!(Secret::parse(bad), Err(InvalidSecret::Name), "{bad}");
        }
    }

    #[test]
    fn a_literal_secret_is_refused_and_not_repeated() {
        let error = Secret::parse("hunter2").unwrap_err();
        assert_eq!(error, InvalidSecret::Literal);
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
