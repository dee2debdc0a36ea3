//! Where a webhook is. The path of its URL may be a secret, so that no more than scheme and host is ever shown.

use std::fmt;

use ureq::http::Uri;

use super::NotifyError;

/// The URL of a webhook.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    uri: Uri,
    /// Scheme and host, and the port where it is another than usual.
    shown: String,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, NotifyError> {
        let uri: Uri = text
            .parse()
            .map_err(|_| NotifyError::Url("it is malformed"))?;
        let scheme = uri.scheme_str();
        let scheme = scheme.filter(|scheme| matches!(*scheme, "http" | "https"));
        let scheme = scheme.ok_or(NotifyError::Url(
            "it does not begin with http:// or https://",
        ))?;
        let authority = uri.authority().map(|authority| authority.as_str());
        if authority.is_some_and(|authority| authority.contains('@')) {
            return Err(NotifyError::Url(
                "it names a user; sign requests with a secret instead",
            ));
        }
        let host = uri.host().filter(|host| !host.is_empty());
        let host = host.ok_or(NotifyError::Url("it names no host"))?;
        let port = uri
            .port()
            .map_or_else(String::new, |port| format!(":{port}"));
        let shown = format!("{scheme}://{host}{port}");
        Ok(Self { uri, shown })
    }

    pub(super) fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Whether it is on this machine, where no proxy leads.
    pub(super) fn is_here(&self) -> bool {
        let host = self.uri.host().unwrap_or_default();
        host == "localhost" || host == "[::1]" || host.starts_with("127.")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({}/…)", self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_scheme_and_host_is_shown() {
        let check = |text: &str, shown: &str| {
            let address = Address::parse(text).unwrap();
            assert_eq!(address.to_string(), shown);
            assert!(!format!("{address:?}").contains("hush"));
        };
        check(
            "https://hooks.example.org/services/hush?key=hush",
            "https://hooks.example.org",
        );
        check("http://127.0.0.1:8080/hush", "http://127.0.0.1:8080");
        check("http://[::1]:8080", "http://[::1]:8080");
    }

    #[test]
    fn what_is_no_webhook_is_refused_without_its_text() {
        for text in [
            "",
            "hush",
            "hush hush",
            "ftp://host/hush",
            "file:///hush",
            "https:///hush",
            "https://hush:hush@host/",
            "https://",
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(!error.to_string().contains("hush"), "{error}");
        }
    }
}
