//! A browser without a window, driven over the DevTools protocol through two pipes: no port, no network. For tests of
//! pages. The protocol: <https://chromedevtools.github.io/devtools-protocol/>; messages end with a NUL.

use std::env;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long a browser on a busy machine may take for one answer.
const PATIENCE: Duration = Duration::from_secs(120);

/// What browsers of this kind are called.
const NAMES: [&str; 5] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chrome",
];

const FLAGS: [&str; 13] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
];

/// The first browser in `PATH`.
pub fn installed_browser() -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let places = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    places.into_iter().find(|place| place.is_file())
}

/// A browser; it ends with this value.
#[derive(Debug)]
pub struct Browser {
    child: Child,
    input: ChildStdin,
    messages: Receiver<Value>,
    events: Vec<Value>,
    asked: u64,
    profile: TempDir,
}

/// How a page is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Pixels.
    pub width: u32,
    /// Whether scripts run.
    pub scripts: bool,
    /// `light` or `dark`.
    pub scheme: &'static str,
    /// `screen` or `print`.
    pub media: &'static str,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            width: 1400,
            scripts: true,
            scheme: "light",
            media: "screen",
        }
    }
}

impl Browser {
    /// Starts this program with an empty profile.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(program: &PathBuf) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder can be made");
        let log =
            File::create(profile.path().join("log")).expect("a folder of ours can be written");
        // The program reads messages from descriptor 3 and writes them to 4.
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$@" 3<&0 4>&1 </dev/null >&2"#, "sh"])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .env("HOME", profile.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("a shell can be started");
        let input = child.stdin.take().expect("it was piped");
        let output = child.stdout.take().expect("it was piped");
        Self {
            child,
            input,
            messages: read(output),
            events: Vec::new(),
            asked: 0,
            profile,
        }
    }

    /// Opens a page and waits until it is loaded.
    ///
    /// # Panics
    /// When the browser does not answer, or not as the protocol says.
    pub fn open(&mut self, url: &str, look: Look) -> Page<'_> {
        let target = self.call(
            None,
            "Target.createTarget",
            &json!({ "url": "about:blank" }),
        );
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let attached = self.call(None, "Target.attachToTarget", &attach);
        let session = attached["sessionId"]
            .as_str()
            .expect("a session has an id")
            .to_owned();
        self.events.clear();
        let mut page = Page {
            browser: self,
            session,
        };
        page.prepare(look);
        page.call("Page.navigate", &json!({ "url": url }));
        page.browser.wait_for("Page.loadEventFired");
        page
    }

    fn call(&mut self, session: Option<&str>, method: &str, parameters: &Value) -> Value {
        self.asked += 1;
        let mut message = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(session) = session {
            message["sessionId"] = json!(session);
        }
        let sent = write!(self.input, "{message}\0").and_then(|()| self.input.flush());
        if let Err(error) = sent {
            panic!("{method}: {error}; {}", self.log());
        }
        loop {
            let answer = self.next(method);
            if answer["id"] == self.asked {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    fn wait_for(&mut self, event: &str) {
        while self.events.iter().all(|seen| seen["method"] != event) {
            let message = self.next(event);
            self.events.push(message);
        }
    }

    fn next(&self, what: &str) -> Value {
        match self.messages.recv_timeout(PATIENCE) {
            Ok(message) => message,
            Err(error) => panic!("{what}: {error}; {}", self.log()),
        }
    }

    fn log(&self) -> String {
        let log = fs::read(self.profile.path().join("log")).unwrap_or_default();
        format!("the browser's log:\n{}", String::from_utf8_lossy(&log))
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end with the one that has started them.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The messages that come, until there are no more.
fn read(output: impl Read + Send + 'static) -> Receiver<Value> {
    let (sender, messages) = channel();
    thread::spawn(move || {
        for message in BufReader::new(output).split(0) {
            let message = message
                .ok()
                .and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let passed = message.map(|message: Value| sender.send(message));
            if !matches!(passed, Some(Ok(()))) {
                return;
            }
        }
    });
    messages
}

/// A page that is loaded.
#[derive(Debug)]
pub struct Page<'b> {
    browser: &'b mut Browser,
    session: String,
}

impl Page<'_> {
    fn prepare(&mut self, look: Look) {
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), &json!({}));
        }
        let is_phone = look.width < 600;
        self.call(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": look.width, "height": 900, "deviceScaleFactor": 1, "mobile": is_phone }),
        );
        let scheme = json!({ "name": "prefers-color-scheme", "value": look.scheme });
        self.call(
            "Emulation.setEmulatedMedia",
            &json!({ "media": look.media, "features": [scheme] }),
        );
        self.call(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": !look.scripts }),
        );
    }

    fn call(&mut self, method: &str, parameters: &Value) -> Value {
        let session = self.session.clone();
        self.browser.call(Some(&session), method, parameters)
    }

    /// The value of an expression, also where the page's own scripts do not run.
    ///
    /// # Panics
    /// When it throws.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let ask = json!({ "expression": expression, "returnByValue": true });
        let answer = self.call("Runtime.evaluate", &ask);
        assert!(
            answer.get("exceptionDetails").is_none(),
            "{expression}: {answer}"
        );
        answer["result"]["value"].clone()
    }

    /// Addresses of everything that the page has asked for so far.
    pub fn requests(&self) -> Vec<String> {
        let requests = self.events("Network.requestWillBeSent");
        let urls = requests.filter_map(|event| event["params"]["request"]["url"].as_str());
        urls.map(str::to_owned).collect()
    }

    /// What was written to the console, thrown or reported as an error or warning so far.
    pub fn complaints(&self) -> Vec<String> {
        let written = self.events("Runtime.consoleAPICalled");
        let thrown = self.events("Runtime.exceptionThrown");
        let reported = self.events("Log.entryAdded").filter(|event| {
            let level = event["params"]["entry"]["level"].as_str();
            matches!(level, Some("error" | "warning"))
        });
        let all = written.chain(thrown).chain(reported);
        all.map(|event| event["params"].to_string()).collect()
    }

    fn events<'p>(&'p self, method: &'p str) -> impl Iterator<Item = &'p Value> {
        let own = self.browser.events.iter();
        own.filter(move |event| event["sessionId"] == self.session && event["method"] == method)
    }

    /// The whole page as a PNG, in base64 as the browser sends it.
    ///
    /// # Panics
    /// When the browser sends none.
    pub fn screenshot(&mut self) -> String {
        let ask = json!({ "format": "png", "captureBeyondViewport": true });
        let answer = self.call("Page.captureScreenshot", &ask);
        answer["data"]
            .as_str()
            .expect("a picture is text")
            .to_owned()
    }
}
