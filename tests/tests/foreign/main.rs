//! Relying parties that others wrote, each as its own documentation has it used, with Chromium before them.

mod authlib;
mod device;
mod journey;
mod mod_auth_openidc;
mod openid_client;
mod proof_of_possession;
mod token_exchange;
