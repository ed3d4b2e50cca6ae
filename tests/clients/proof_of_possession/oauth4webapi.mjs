import * as oauth from "oauth4webapi";

export class Application {
  #server;
  #client;
  #authentication;
  #options;
  #settings;
  #pair;
  #asked = {};
  #tokens;
  #subject;

  static async begin(settings) {
    const application = new Application();
    await application.#begin(settings);
    return application;
  }

  async #begin(settings) {
    const issuer = new URL(settings.issuer);
    this.#settings = settings;
    this.#options = { [oauth.customFetch]: settings.connections.fetch };
    const discovered = await oauth.discoveryRequest(issuer, this.#options);
    this.#server = await oauth.processDiscoveryResponse(issuer, discovered);
    this.#client = {
      client_id: settings.client_id,
      use_mtls_endpoint_aliases: Boolean(settings.certificate),
      ...settings.metadata,
    };
    this.#authentication = {
      none: () => oauth.None(),
      private_key_jwt: () => oauth.PrivateKeyJwt(settings.signing),
      tls_client_auth: () => oauth.TlsClientAuth(),
      self_signed_tls_client_auth: () => oauth.TlsClientAuth(),
    }[settings.authentication]();
    await this.changeKey();
  }

  async changeKey() {
    if (this.#settings.dpop) {
      this.#pair = await oauth.generateKeyPair("ES256");
      this.#options = { ...this.#options, DPoP: oauth.DPoP(this.#client, this.#pair) };
    }
  }

  /** As the library's examples have it: once more where the server wants its nonce. */
  async #send(request) {
    try {
      return await request();
    } catch (error) {
      if (!this.#settings.dpop || !oauth.isDPoPNonceError(error)) throw error;
      return request();
    }
  }

  async authorize() {
    const { redirect_uri, scope, par, jar, jarm } = this.#settings;
    const verifier = oauth.generateRandomCodeVerifier();
    this.#asked = {
      verifier,
      state: oauth.generateRandomState(),
      nonce: oauth.generateRandomNonce(),
    };
    let parameters = new URLSearchParams({
      client_id: this.#client.client_id,
      response_type: "code",
      redirect_uri,
      scope,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: "S256",
      state: this.#asked.state,
      nonce: this.#asked.nonce,
      ...(jarm && { response_mode: "jwt" }),
    });
    if (jar) {
      const request = await oauth.issueRequestObject(
        this.#server,
        this.#client,
        parameters,
        this.#settings.signing,
      );
      parameters = new URLSearchParams({ client_id: this.#client.client_id, request });
    }
    if (par) {
      const { request_uri } = await this.#send(async () =>
        oauth.processPushedAuthorizationResponse(
          this.#server,
          this.#client,
          await oauth.pushedAuthorizationRequest(
            this.#server,
            this.#client,
            this.#authentication,
            parameters,
            this.#options,
          ),
        ),
      );
      parameters = new URLSearchParams({ client_id: this.#client.client_id, request_uri });
    }
    const url = new URL(this.#server.authorization_endpoint);
    url.search = parameters.toString();
    return url;
  }

  async callback(url) {
    const { state, nonce, verifier } = this.#asked;
    const [server, client] = [this.#server, this.#client];
    const answered = this.#settings.jarm
      ? await oauth.validateJwtAuthResponse(server, client, url, state, this.#options)
      : oauth.validateAuthResponse(server, client, url, state);
    const { redirect_uri } = this.#settings;
    let response;
    const tokens = await this.#send(async () => {
      response = await oauth.authorizationCodeGrantRequest(
        server,
        client,
        this.#authentication,
        answered,
        redirect_uri,
        verifier,
        this.#options,
      );
      return oauth.processAuthorizationCodeResponse(server, client, response, {
        expectedNonce: nonce,
        requireIdToken: true,
      });
    });
    // Not only that it came over TLS.
    await oauth.validateApplicationLevelSignature(server, response, this.#options);
    return this.#hold(tokens);
  }

  #hold(tokens) {
    const claims = oauth.getValidatedIdTokenClaims(tokens);
    this.#tokens = { ...this.#tokens, ...tokens };
    this.#subject = claims?.sub ?? this.#subject;
    return { tokens, claims };
  }

  async clientCredentials() {
    const parameters = new URLSearchParams();
    const tokens = await this.#send(async () =>
      oauth.processClientCredentialsResponse(
        this.#server,
        this.#client,
        await oauth.clientCredentialsGrantRequest(
          this.#server,
          this.#client,
          this.#authentication,
          parameters,
          this.#options,
        ),
      ),
    );
    return this.#hold(tokens);
  }

  async exchange(parameters) {
    const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    const type = "urn:ietf:params:oauth:token-type:access_token";
    const shown = { subject_token: this.#tokens?.access_token, subject_token_type: type };
    const tokens = await this.#send(async () =>
      oauth.processGenericTokenEndpointResponse(
        this.#server,
        this.#client,
        await oauth.genericTokenEndpointRequest(
          this.#server,
          this.#client,
          this.#authentication,
          grant,
          { ...shown, ...parameters },
          this.#options,
        ),
      ),
    );
    return this.#hold(tokens);
  }

  async refresh() {
    const tokens = await this.#send(async () =>
      oauth.processRefreshTokenResponse(
        this.#server,
        this.#client,
        await oauth.refreshTokenGrantRequest(
          this.#server,
          this.#client,
          this.#authentication,
          this.#tokens.refresh_token,
          this.#options,
        ),
      ),
    );
    return this.#hold(tokens);
  }

  async userinfo() {
    return this.#send(async () =>
      oauth.processUserInfoResponse(
        this.#server,
        this.#client,
        this.#subject,
        await oauth.userInfoRequest(
          this.#server,
          this.#client,
          this.#tokens.access_token,
          this.#options,
        ),
      ),
    );
  }

  async introspect() {
    return oauth.processIntrospectionResponse(
      this.#server,
      this.#client,
      await oauth.introspectionRequest(
        this.#server,
        this.#client,
        this.#authentication,
        this.#tokens.access_token,
        this.#options,
      ),
    );
  }

  async revoke() {
    await oauth.processRevocationResponse(
      await oauth.revocationRequest(
        this.#server,
        this.#client,
        this.#authentication,
        this.#tokens.refresh_token,
        this.#options,
      ),
    );
  }
}
