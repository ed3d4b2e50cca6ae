import * as client from "openid-client";

export class Application {
  #config;
  #settings;
  #options;
  #asked = {};
  #tokens;
  #subject;

  static async begin(settings) {
    const application = new Application();
    await application.#begin(settings);
    return application;
  }

  async #begin(settings) {
    this.#settings = settings;
    const authentication = {
      none: () => client.None(),
      private_key_jwt: () => client.PrivateKeyJwt(settings.signing),
      tls_client_auth: () => client.TlsClientAuth(),
      self_signed_tls_client_auth: () => client.TlsClientAuth(),
    }[settings.authentication]();
    this.#config = await client.discovery(
      new URL(settings.issuer),
      settings.client_id,
      { use_mtls_endpoint_aliases: Boolean(settings.certificate), ...settings.metadata },
      authentication,
      { [client.customFetch]: settings.connections.fetch },
    );
    // Not only that it came over TLS.
    client.enableNonRepudiationChecks(this.#config);
    if (settings.jarm) client.useJwtResponseMode(this.#config);
    await this.changeKey();
  }

  async changeKey() {
    if (this.#settings.dpop) {
      const pair = await client.randomDPoPKeyPair("ES256");
      this.#options = { DPoP: client.getDPoPHandle(this.#config, pair) };
    }
  }

  async authorize() {
    const { redirect_uri, scope, par, jar, signing } = this.#settings;
    this.#asked = {
      pkceCodeVerifier: client.randomPKCECodeVerifier(),
      expectedState: client.randomState(),
      expectedNonce: client.randomNonce(),
      idTokenExpected: true,
    };
    let parameters = new URLSearchParams({
      redirect_uri,
      scope,
      code_challenge: await client.calculatePKCECodeChallenge(this.#asked.pkceCodeVerifier),
      code_challenge_method: "S256",
      state: this.#asked.expectedState,
      nonce: this.#asked.expectedNonce,
    });
    if (jar) {
      const url = await client.buildAuthorizationUrlWithJAR(this.#config, parameters, signing);
      if (!par) return url;
      parameters = url.searchParams;
    }
    return par
      ? client.buildAuthorizationUrlWithPAR(this.#config, parameters, this.#options)
      : client.buildAuthorizationUrl(this.#config, parameters);
  }

  async callback(url) {
    const parameters = undefined;
    const tokens = await client.authorizationCodeGrant(
      this.#config,
      url,
      this.#asked,
      parameters,
      this.#options,
    );
    return this.#hold(tokens);
  }

  #hold(tokens) {
    const claims = tokens.claims();
    this.#tokens = { ...this.#tokens, ...tokens };
    this.#subject = claims?.sub ?? this.#subject;
    return { tokens, claims };
  }

  async clientCredentials() {
    return this.#hold(await client.clientCredentialsGrant(this.#config, {}, this.#options));
  }

  async exchange(parameters) {
    const grant = "urn:ietf:params:oauth:grant-type:token-exchange";
    const type = "urn:ietf:params:oauth:token-type:access_token";
    const shown = { subject_token: this.#tokens?.access_token, subject_token_type: type };
    return this.#hold(
      await client.genericGrantRequest(
        this.#config,
        grant,
        { ...shown, ...parameters },
        this.#options,
      ),
    );
  }

  async device() {
    const { scope } = this.#settings;
    this.#asked = await client.initiateDeviceAuthorization(this.#config, { scope });
    return this.#asked;
  }

  async poll() {
    const parameters = undefined;
    return this.#hold(
      await client.pollDeviceAuthorizationGrant(this.#config, this.#asked, parameters, this.#options),
    );
  }

  async refresh() {
    const { refresh_token } = this.#tokens;
    const parameters = undefined;
    return this.#hold(
      await client.refreshTokenGrant(this.#config, refresh_token, parameters, this.#options),
    );
  }

  async userinfo() {
    const { access_token } = this.#tokens;
    return client.fetchUserInfo(this.#config, access_token, this.#subject, this.#options);
  }

  async introspect() {
    return client.tokenIntrospection(this.#config, this.#tokens.access_token);
  }

  async revoke() {
    await client.tokenRevocation(this.#config, this.#tokens.refresh_token);
  }
}
