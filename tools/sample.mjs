// A gateway to look at: the real binary on a scratch database with sample teams, people, keys and a history of calls.
import { join } from 'node:path';
import { Gatehouse, masterKey } from '../e2e/lib/gatehouse.mjs';
import { run } from '../e2e/lib/process.mjs';

const price = (i, o) => `input_cost_per_token: ${i}, output_cost_per_token: ${o}`;
const models = (url) => `
model_list:
  - {model_name: gpt-5-mini, litellm_params: {model: openai/gpt-5-mini, api_base: "${url}/v1", api_key: sk-upstream, ${price(2.5e-7, 2e-6)}}}
  - {model_name: claude-sonnet-4-5, litellm_params: {model: anthropic/claude-sonnet-4-5, api_base: "${url}", api_key: sk-ant-upstream, ${price(3e-6, 15e-6)}}}
  - {model_name: text-embedding-3-small, litellm_params: {model: openai/text-embedding-3-small, api_base: "${url}/v1", api_key: sk-upstream, ${price(2e-8, 0)}}, model_info: {mode: embedding}}
  - {model_name: gemini-2.5-flash, litellm_params: {model: openai/gemini-2.5-flash, api_base: "${url}/v1", api_key: sk-upstream, ${price(3e-7, 2.5e-6)}}}
litellm_settings: {num_retries: 0}
gatehouse: {login_rate: 100000/min, drain_delay: 10ms, drain_timeout: 2s}
`;

/** Starts it; scope.after ends it. `link` is the id of an invitation that is open. */
export async function sampleGateway(scope) {
  const gate = await Gatehouse.start(scope, { models, env: { STORE_MODEL_IN_DB: 'True' } });
  await run(process.execPath, ['tools/seed.mjs'], { env: { ...process.env, GATEHOUSE_URL: gate.url, LITELLM_MASTER_KEY: masterKey } });
  await gate.admin('/key/generate', { key_alias: 'old-laptop', user_id: 'jonas', blocked: true });
  await gate.admin('/budget/new', { budget_id: 'small', max_budget: 5, budget_duration: '30d' });
  await gate.admin('/model/new', { model_name: 'stored-model', litellm_params: { model: 'openai/gpt-5', api_base: `${gate.provider}/v1`, api_key: 'sk-upstream' } });
  gate.link = (await gate.admin('/invitation/new', { user_id: 'li' })).id;
  await gate.server.stop('SIGTERM');
  await run('go', ['run', './tools/demo', `sqlite:${join(gate.data, 'data', 'gatehouse.db')}`]);
  await gate.run();
  return gate;
}
