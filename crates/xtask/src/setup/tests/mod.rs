//! Set-ups on machines made of temporary folders, with a stand-in for Python: no network, no cache of the user.

mod failures;
mod fetched;
mod found;
mod machine;
