// The real binary on a free port with its own data folder, database and fake provider.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Process, freePort, root, run, until } from './process.mjs';

export const admin = { name: 'admin', password: 'e2e-password-of-the-admin' };
export const masterKey = 'sk-e2e-master-0123456789abcdef';

const price = 'input_cost_per_token: 0.001, output_cost_per_token: 0.002';

/** config.yaml for the fake provider at url: dear models, so that one call shows as spend. */
const config = (url) => `
model_list:
  - {model_name: gpt-4o, litellm_params: {model: openai/gpt-4o, api_base: "${url}/v1", api_key: sk-upstream, ${price}}}
  - {model_name: gpt-4o-mini, litellm_params: {model: openai/gpt-4o-mini, api_base: "${url}/v1", api_key: sk-upstream, ${price}}}
  - {model_name: text-embedding-3-small, litellm_params: {model: openai/text-embedding-3-small, api_base: "${url}/v1", api_key: sk-upstream, ${price}}, model_info: {mode: embedding}}
  - {model_name: claude-sonnet-4-5, litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${url}", api_key: sk-ant-upstream, ${price}}}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0, disable_cooldowns: true}
general_settings: {proxy_batch_write_at: 1}
gatehouse: {login_rate: 100000/min, drain_delay: 1s, drain_timeout: 5s}
`;

export class Gatehouse {
  /** Starts everything; test.after stops it. database is 'sqlite' or 'postgres'; models writes config.yaml for a provider's address. */
  static async start(test, { database = 'sqlite', env = {}, models = config } = {}) {
    const self = new Gatehouse();
    test.after(() => self.stop());
    await self.#start(database, env, models);
    return self;
  }

  async #start(database, env, models) {
    this.data = await mkdtemp(join(tmpdir(), 'gatehouse-e2e-'));
    await this.#startProvider();
    const path = join(this.data, 'config.yaml');
    await writeFile(path, models(this.provider));
    const databaseURL = database === 'postgres' ? await this.#createDatabase() : undefined;
    const port = await freePort();
    this.url = `http://127.0.0.1:${port}`;
    this.args = ['--host', '127.0.0.1', '--port', String(port), '--data', join(this.data, 'data'), '--config', path];
    this.env = {
      PATH: process.env.PATH, HOME: this.data, TZ: 'UTC', LITELLM_MASTER_KEY: masterKey,
      UI_USERNAME: admin.name, UI_PASSWORD: admin.password, ...(databaseURL && { DATABASE_URL: databaseURL }), ...env,
    };
    await this.run();
  }

  /** Starts the binary (again) and waits until it answers. */
  async run() {
    const binary = process.env.GATEHOUSE_BINARY ?? join(root, 'bin', 'gatehouse');
    this.server = new Process(binary, this.args, { env: this.env });
    await until('gatehouse to answer', async () => {
      if (this.server.over) throw new Error(`gatehouse ended while starting:\n${this.server.log}`);
      const answer = await fetch(`${this.url}/health/liveliness`).catch(() => undefined);
      return answer?.ok;
    });
  }

  async #startProvider() {
    const program = join(root, 'bin', 'test', 'fakeprovider');
    await run('go', ['build', '-o', program, './e2e/fakeprovider']);
    this.fake = new Process(program, []);
    const addresses = JSON.parse(await this.fake.firstLine());
    this.provider = addresses.url;
    this.control = addresses.control;
  }

  async #createDatabase() {
    const server = process.env.GATEHOUSE_TEST_POSTGRES;
    if (!server) throw new Error('GATEHOUSE_TEST_POSTGRES is not set: run this by make e2e');
    this.database = { server, name: `e2e_${process.pid}_${Date.now()}` };
    await run('psql', [server, '-qc', `create database ${this.database.name}`]);
    return server.replace(/\/[^/?]*(\?|$)/, `/${this.database.name}$1`);
  }

  async stop() {
    await this.server?.stop('SIGKILL');
    await this.fake?.stop();
    if (this.database) await run('psql', [this.database.server, '-qc', `drop database if exists ${this.database.name} with (force)`]);
    await rm(this.data, { recursive: true, force: true });
  }

  /** Queues replies of the fake provider; see testkit.Reply for the fields. */
  async script(...replies) {
    const answer = await fetch(`${this.control}/script`, { method: 'POST', body: JSON.stringify(replies) });
    if (!answer.ok) throw new Error(`script: ${await answer.text()}`);
  }

  /** What the fake provider was sent. */
  async upstream() {
    return (await fetch(`${this.control}/requests`)).json();
  }

  /** The calls whose client left the fake provider before the answer was complete. */
  async departures() {
    return (await fetch(`${this.control}/departures`)).json();
  }

  /** Forgets the script and the requests. */
  async reset() {
    await fetch(`${this.control}/`, { method: 'DELETE' });
  }

  /** An admin call; anything but 200 throws. */
  async admin(path, body) {
    const answer = await fetch(this.url + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { authorization: `Bearer ${masterKey}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** One short chat call with a key; returns the fetch Response. */
  chat(key, model = 'gpt-4o-mini') {
    return fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello' }] }),
    });
  }
}
