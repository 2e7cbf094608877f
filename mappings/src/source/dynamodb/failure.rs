//! What the SDK reports, in our words.

use super::{
    LoadError,
    connect::{OPERATION, READ},
};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use std::{error::Error, time::Duration};

/// Beyond the SDK's own limit, should that fail: no call hangs.
const OUTER: Duration = Duration::from_secs(5);

/// Where something failed, and what was tried.
#[derive(Debug)]
pub(super) struct Site {
    pub(super) place: String,
    pub(super) operation: &'static str,
}

impl Site {
    pub(super) fn failed(&self, code: &str, reason: impl Into<String>) -> LoadError {
        LoadError::Failed {
            place: self.place.clone(),
            operation: self.operation,
            code: code.to_owned(),
            reason: reason.into(),
        }
    }

    fn timeout(&self, after: Duration) -> LoadError {
        LoadError::Timeout { place: self.place.clone(), operation: self.operation, after }
    }

    /// Sorts an SDK error.
    pub(super) fn sort<E, R>(&self, error: &SdkError<E, R>) -> LoadError
    where
        E: ProvideErrorMetadata + Error + 'static,
        R: std::fmt::Debug,
    {
        let place = self.place.clone();
        match error {
            SdkError::ServiceError(answer) => {
                let answer = answer.err();
                self.sort_answer(answer.code().unwrap_or_default(), answer.message().unwrap_or_default())
            }
            SdkError::TimeoutError(_) => self.timeout(OPERATION),
            // A connection that does not come about is no answer of any kind; one that stays silent is a slow store.
            SdkError::DispatchFailure(failure) if failure.is_timeout() && chain(error).contains("HTTP read") => {
                self.timeout(READ)
            }
            SdkError::DispatchFailure(failure) if failure.is_timeout() || failure.is_io() => {
                LoadError::Unreachable { place, reason: cause(error) }
            }
            SdkError::ResponseError(_) => self.failed("unreadable answer", cause(error)),
            _ => {
                let said = chain(error);
                if said.contains("credentials") || said.contains("identity") {
                    LoadError::NoCredentials { place, reason: cause(error) }
                } else {
                    LoadError::Unreachable { place, reason: cause(error) }
                }
            }
        }
    }

    fn sort_answer(&self, code: &str, message: &str) -> LoadError {
        let (place, operation) = (self.place.clone(), self.operation);
        match code {
            "ResourceNotFoundException" => LoadError::NoTable { place },
            "AccessDeniedException" | "AccessDenied" => {
                LoadError::AccessDenied { place, operation, reason: message.to_owned() }
            }
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "RequestLimitExceeded"
            | "Throttling" => LoadError::Throttled { place, operation },
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "ExpiredTokenException"
            | "ExpiredToken"
            | "InvalidClientTokenId"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException" => LoadError::BadCredentials { place, code: code.to_owned() },
            "" => self.failed("unknown", if message.is_empty() { "no reason given" } else { message }),
            _ => self.failed(code, message),
        }
    }
}

/// Waits for one operation, and no longer.
pub(super) async fn limited<T>(site: &Site, call: impl Future<Output = T>) -> Result<T, LoadError> {
    tokio::time::timeout(OUTER, call).await.map_err(|_| site.timeout(OUTER))
}

/// The same, with the SDK's errors sorted.
pub(super) async fn bounded<T, E, R>(
    site: &Site,
    call: impl Future<Output = Result<T, SdkError<E, R>>>,
) -> Result<T, LoadError>
where
    E: ProvideErrorMetadata + Error + 'static,
    R: std::fmt::Debug,
{
    limited(site, call).await?.map_err(|error| site.sort(&error))
}

/// The innermost error, which says what happened.
fn cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// An error with all its sources, on one line.
pub(super) fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !said.contains(&text) {
            said.push_str(": ");
            said.push_str(&text);
        }
        next = source.source();
    }
    said.replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_sorted_by_code() {
        let site = Site { place: "DynamoDB table t in r".to_owned(), operation: "Scan" };
        for (code, expected) in [
            ("ResourceNotFoundException", "no_table"),
            ("AccessDeniedException", "access_denied"),
            ("ProvisionedThroughputExceededException", "throttled"),
            ("ThrottlingException", "throttled"),
            ("UnrecognizedClientException", "bad_credentials"),
            ("ExpiredTokenException", "bad_credentials"),
            ("InternalServerError", "failed"),
            ("", "failed"),
        ] {
            let error = site.sort_answer(code, "said");
            assert_eq!(error.code(), expected, "{code}");
            assert!(error.to_string().starts_with("DynamoDB table t in r"), "{error}");
            assert!(LoadError::CODES.contains(&error.code()));
        }
    }
}
