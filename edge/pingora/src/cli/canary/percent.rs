//! Weights as people write them: per cent, to a hundredth of one. Pure.

use std::{fmt, str::FromStr};

/// What the weights of a split that is begun here add up to: each is a hundredth of a per cent.
pub(super) const WHOLE: u32 = 10_000;

/// A share, in hundredths of a per cent; 0 to 100 %.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Percent(u32);

impl Percent {
    /// The share that a weight has of a total, to the nearest hundredth.
    pub(super) fn of(weight: u32, total: u32) -> Self {
        let (weight, total) = (u64::from(weight), u64::from(total.max(1)));
        let hundredths = (weight * u64::from(WHOLE) * 2 + total) / (2 * total);
        Self(u32::try_from(hundredths).unwrap_or(WHOLE))
    }

    /// From 0 to 1, for scripts.
    pub(super) fn fraction(self) -> f64 {
        f64::from(self.0) / f64::from(WHOLE)
    }

    /// The weight that makes this share of a total.
    ///
    /// # Errors
    /// It is no whole number; the nearest shares that are.
    pub(super) fn weight(self, total: u32) -> Result<u32, String> {
        let scaled = u64::from(self.0) * u64::from(total);
        let below = u32::try_from(scaled / u64::from(WHOLE)).unwrap_or(total);
        if scaled.is_multiple_of(u64::from(WHOLE)) {
            return Ok(below);
        }
        Err(format!(
            "{self} of the weights' total, {total}, is no whole weight; the nearest are {} and {}",
            Self::of(below, total),
            Self::of(below + 1, total)
        ))
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a weight is per cent, from 0% to 100% in steps of 0.01%, such as 5% or 0.25%".to_owned();
        let number = text.strip_suffix('%').ok_or_else(wrong)?.trim_end();
        let (whole, fraction) = number.split_once('.').map_or((number, "0"), |(whole, fraction)| (whole, fraction));
        let digits = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
        };
        if !digits(whole, 3) || !digits(fraction, 2) {
            return Err(wrong());
        }
        let hundredths: u32 = format!("{whole}{fraction:0<2}").parse().map_err(|_| wrong())?;
        if hundredths > WHOLE { Err(wrong()) } else { Ok(Self(hundredths)) }
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 100, self.0 % 100);
        match fraction {
            0 => write!(f, "{whole}%"),
            tenths if tenths.is_multiple_of(10) => write!(f, "{whole}.{}%", tenths / 10),
            _ => write!(f, "{whole}.{fraction:02}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn per_cents_read_back_as_they_are_written() {
        let said = [("0%", 0), ("0.01%", 1), ("0.1%", 10), ("5%", 500), ("12.25%", 1225), ("99.99%", 9999)];
        for (text, weight) in said.into_iter().chain([("100%", WHOLE)]) {
            let percent: Percent = text.parse().unwrap();
            assert_eq!((percent.weight(WHOLE), percent.to_string().as_str()), (Ok(weight), text));
        }
        assert_eq!("5.0%".parse(), "5%".parse::<Percent>());
        assert_eq!("7.50 %".parse(), "7.5%".parse::<Percent>());
    }

    #[test]
    fn what_is_no_share_is_refused() {
        for text in ["", "%", "5", "0.05", "-1%", "+1%", "101%", "100.01%", "0.001%", ".5%", "5.%", "1e1%", "5%%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_share_that_is_no_whole_weight_names_its_neighbours() {
        let half = "2.5%".parse::<Percent>().unwrap();
        assert_eq!(half.weight(200), Ok(5));
        let refused = half.weight(100).unwrap_err();
        assert!(refused.ends_with("total, 100, is no whole weight; the nearest are 2% and 3%"), "{refused}");
    }

    #[test]
    fn a_weight_is_shown_as_the_nearest_share() {
        assert_eq!(Percent::of(1, 3).to_string(), "33.33%");
        assert_eq!(Percent::of(2, 3).to_string(), "66.67%");
        assert_eq!(Percent::of(0, 7).to_string(), "0%");
        assert_eq!(Percent::of(10_000, 10_000).to_string(), "100%");
    }
}
