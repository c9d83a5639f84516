// Fills a running gateway with sample teams, people and keys, for looking at the portal. Running it twice changes nothing.
//
//   LITELLM_MASTER_KEY=sk-… node tools/seed.mjs        (GATEHOUSE_URL names another address than http://127.0.0.1:4000)
const base = process.env.GATEHOUSE_URL ?? 'http://127.0.0.1:4000';
const master = process.env.LITELLM_MASTER_KEY;
if (!master) {
  console.error('seed: set LITELLM_MASTER_KEY to the master key of the gateway');
  process.exit(2);
}

/** Makes one thing; that it exists already is as good. */
async function make(path, body) {
  const answer = await fetch(base + path, {
    method: 'POST', headers: { authorization: `Bearer ${master}`, 'content-type': 'application/json' }, body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (answer.ok) return console.log(`made ${path} ${Object.values(body)[0]}`);
  if (/already/.test(text)) return console.log(`kept ${path} ${Object.values(body)[0]}`);
  throw new Error(`${path}: ${answer.status} ${text}`);
}

const teams = [['checkout', 'Checkout', 600], ['search', 'Search', 100], ['support', 'Support', 250]];
const people = [['maya', 'Maya Okafor', 'checkout'], ['jonas', 'Jonas Weber', 'search'], ['priya', 'Priya Nair', 'support'], ['li', '李伟', 'search']];
const keys = [
  ['checkout-assistant', 'checkout', 'maya', { max_budget: 200, budget_duration: '1mo', tags: ['prod'] }],
  ['doc-search-embeddings', 'search', 'jonas', { max_budget: 100, budget_duration: '1mo', tags: ['prod'] }],
  ['support-triage', 'support', 'priya', { rpm_limit: 120, duration: '90d' }],
  ['nightly-evals', 'checkout', undefined, { max_parallel_requests: 4 }],
  ['maya-laptop', undefined, 'maya', { max_budget: 25, duration: '5d', tags: ['dev'] }],
];

for (const [id, name, budget] of teams) await make('/team/new', { team_alias: name, team_id: id, max_budget: budget, budget_duration: '1mo' });
for (const [id, name, team] of people) {
  await make('/user/new', { user_alias: name, user_id: id, user_email: `${id}@example.org`, auto_create_key: false });
  await make('/team/member_add', { team_id: team, member: { user_id: id, role: 'user' } });
}
for (const [alias, team, user, limits] of keys) await make('/key/generate', { key_alias: alias, team_id: team, user_id: user, ...limits });
