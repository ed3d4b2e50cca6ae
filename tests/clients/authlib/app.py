"""A web application that signs its user in with Authlib and Flask, as Authlib's documentation has it.

It serves one browser and shows what it learnt as JSON, so that a test can read it there.
"""

import json
import secrets
import sys
from urllib.parse import urlsplit

from authlib.integrations.flask_client import OAuth
from authlib.integrations.requests_client import OAuth2Session
from flask import Flask, request

with open(sys.argv[1], encoding="utf-8") as file:
    SETTINGS = json.load(file)
ORIGIN = SETTINGS["origin"]

app = Flask(__name__)
app.secret_key = secrets.token_bytes(32)
# Cookies know no ports: without a name of its own it would replace that of another application.
app.config["SESSION_COOKIE_NAME"] = "authlib_app"

server = OAuth(app).register(
    "tokenbind",
    client_id=SETTINGS["client_id"],
    client_secret=SETTINGS["client_secret"],
    server_metadata_url=SETTINGS["issuer"] + "/.well-known/openid-configuration",
    client_kwargs={
        "scope": "openid profile email offline_access",
        "code_challenge_method": "S256",
    },
)
# Too large for Flask's session, which is a cookie.
tokens = {}


def keep(token):
    """Keeps the tokens of an answer; those that it leaves out stay as they were."""
    tokens.update(token)
    tokens.pop("userinfo", None)
    return tokens


def session():
    """What speaks to the server besides the sign-in."""
    return OAuth2Session(SETTINGS["client_id"], SETTINGS["client_secret"])


@app.errorhandler(Exception)
def told(error):
    app.logger.exception(error)
    name = getattr(error, "error", None) or type(error).__name__
    return {"error": name, "error_description": str(error)}, 400


@app.get("/")
def home():
    return {"library": "authlib"}


@app.get("/login")
def login():
    return server.authorize_redirect(ORIGIN + "/callback", **request.args)


@app.route("/callback", methods=["GET", "POST"])
def callback():
    token = server.authorize_access_token()
    return {"id_token": token["userinfo"], "tokens": keep(token)}


@app.get("/userinfo")
def userinfo():
    return server.userinfo(token=tokens)


@app.get("/refresh")
def refresh():
    before = tokens["id_token"]
    endpoint = server.load_server_metadata()["token_endpoint"]
    token = session().refresh_token(endpoint, refresh_token=tokens["refresh_token"])
    claims = server.parse_id_token(token, nonce=None)
    renewed = token["id_token"] != before
    return {"id_token": claims, "tokens": keep(token), "renewed": renewed}


@app.get("/introspect")
def introspect():
    endpoint = server.load_server_metadata()["introspection_endpoint"]
    return session().introspect_token(endpoint, token=tokens["access_token"]).json()


@app.get("/revoke")
def revoke():
    endpoint = server.load_server_metadata()["revocation_endpoint"]
    session().revoke_token(endpoint, token=tokens["refresh_token"]).raise_for_status()
    return {}


@app.get("/logout")
def logout():
    return server.logout_redirect(ORIGIN + "/signed-out", id_token_hint=tokens["id_token"])


@app.get("/signed-out")
def signed_out():
    server.validate_logout_response()
    return {"signed_out": True}


if __name__ == "__main__":
    certificate = (SETTINGS["certificate"], SETTINGS["key"])
    app.run("127.0.0.1", urlsplit(ORIGIN).port, ssl_context=certificate)
