//! The server's pages in a browser that people have: Chromium, headless, with the security that it
//! gives everybody. Cookies are read from it, not from the server's answers.

mod account;
mod browsers;
mod cookies;
mod device;
mod logout;
mod pages;
mod sign_in;
mod single_page;
