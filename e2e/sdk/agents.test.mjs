// The wire of programs that are no SDK: coding agents, editors, chat fronts. Each conversation is rebuilt from what the program
// sends (Claude Code 2.0, Codex CLI 0.58, Gemini CLI 0.15, Cursor, Continue, Open WebUI, Azure's SDK), and goes to deployments
// of either wire.
import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';
import { AzureOpenAI } from 'openai';
import { Gatehouse } from '../lib/gatehouse.mjs';

const price = 'input_cost_per_token: 0.000001, output_cost_per_token: 0.000002';
const models = (url) => `
model_list:
  - {model_name: gpt-5, litellm_params: {model: openai/gpt-5, api_base: "${url}/v1", api_key: sk-upstream, ${price}}}
  - {model_name: mistral-large, litellm_params: {model: mistral/mistral-large-latest, api_base: "${url}/v1", api_key: sk-upstream, ${price}}}
  - {model_name: claude-opus, litellm_params: {model: anthropic/claude-opus-4-5-20251101, api_base: "${url}", api_key: sk-upstream, ${price}}}
  - {model_name: embed, litellm_params: {model: openai/text-embedding-3-small, api_base: "${url}/v1", api_key: sk-upstream, ${price}}, model_info: {mode: embedding}}
litellm_settings: {num_retries: 0}
router_settings: {num_retries: 0, disable_cooldowns: true}
`;

describe('agents', () => {
  const stops = [];
  let gate;
  let key;
  before(async () => {
    gate = await Gatehouse.start({ after: (stop) => stops.push(stop) }, { models });
    key = (await gate.admin('/key/generate', {})).key;
  });
  after(async () => { for (const stop of stops) await stop(); });
  beforeEach(() => gate.reset());

  const send = async (path, body, headers = { authorization: `Bearer ${key}` }, method = 'POST') => {
    const answer = await fetch(gate.url + path, { method, headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) });
    const text = await answer.text();
    assert.equal(answer.status, 200, text);
    return text;
  };
  const events = (text) => text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
  const last = async () => {
    const { path, headers, header, body } = (await gate.upstream()).at(-1);
    return { path, header: headers ?? header, text: body, body: JSON.parse(body) };
  };

  describe('Codex CLI', () => {
    const headers = () => ({ authorization: `Bearer ${key}`, originator: 'codex_cli_rs', 'user-agent': 'codex_cli_rs/0.58.0', session_id: '0199', accept: 'text/event-stream' });
    const shell = { type: 'function', name: 'shell', description: 'Runs a command', strict: false, parameters: { type: 'object', properties: { command: { type: 'array', items: { type: 'string' } } }, required: ['command'], additionalProperties: false } };
    const patch = { type: 'custom', name: 'apply_patch', description: 'Edits files', format: { type: 'grammar', syntax: 'lark', definition: 'start: patch' } };
    const said = (role, text) => ({ type: 'message', role, content: [{ type: 'input_text', text }] });
    const ask = (model, ...more) => ({
      model, instructions: 'You are Codex.', input: [said('developer', '<permissions>'), said('user', '<environment_context>'), said('user', 'fix it'), ...more],
      tools: [shell, patch], tool_choice: 'auto', parallel_tool_calls: false, reasoning: { effort: 'medium', summary: 'auto' }, store: false, stream: true,
      include: ['reasoning.encrypted_content'], prompt_cache_key: '0199', text: { verbosity: 'medium' },
    });
    const turn = async (model, ...more) => {
      const list = events(await send('/v1/responses', ask(model, ...more), headers()));
      assert.deepEqual(list.map((e) => e.sequence_number), list.map((_, i) => i));
      const end = list.at(-1);
      assert.equal(end.type, 'response.completed');
      assert.equal(end.response.usage.total_tokens, 30);
      const done = list.filter((e) => e.type === 'response.output_item.done').map((e) => e.item);
      assert.deepEqual(done, end.response.output);
      return done;
    };

    test('a provider of the Responses API gets the body as it is', async () => {
      await gate.script({ tool_calls: [{ id: 'call_1', name: 'shell', arguments: '{"command":["ls"]}' }] });
      const [call] = await turn('gpt-5');
      assert.deepEqual([call.type, call.call_id, call.arguments], ['function_call', 'call_1', '{"command":["ls"]}']);
      const sent = await last();
      assert.equal(sent.path, '/v1/responses');
      assert.equal(sent.text, JSON.stringify(ask('gpt-5')));
    });

    for (const model of ['mistral-large', 'claude-opus']) {
      test(`a loop of tools, bridged to chat: ${model}`, async () => {
        const usage = { usage_mode: 'always' }; // Mistral tells it at the end of every stream
        await gate.script({ ...usage, tool_calls: [{ id: 'call_1', name: 'shell', arguments: '{"command":["ls"]}' }] });
        const first = await turn(model);
        assert.deepEqual([first[0].type, first[0].call_id, first[0].name], ['function_call', 'call_1', 'shell']);
        const asked = await last();
        for (const foreign of ['prompt_cache_key', 'include', 'verbosity', '"store"']) assert.ok(!asked.text.includes(foreign), `${foreign} was sent`);

        await gate.script({ ...usage, tool_calls: [{ id: 'call_2', name: 'apply_patch', arguments: '{"input":"*** Begin Patch"}' }] });
        const plan = { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: '**Plan**' }], content: null, encrypted_content: 'gAAAA' };
        const history = [plan, ...first, { type: 'function_call_output', call_id: 'call_1', output: '{"output":"a.txt"}' }];
        const second = await turn(model, ...history);
        assert.deepEqual([second[0].type, second[0].call_id, second[0].name, second[0].input], ['custom_tool_call', 'call_2', 'apply_patch', '*** Begin Patch']);
        assert.ok((await last()).text.includes('a.txt'));

        await gate.script({ ...usage });
        await turn(model, ...history, ...second, { type: 'custom_tool_call_output', call_id: 'call_2', output: 'Done!' });
        const { body, text } = await last();
        assert.ok(text.includes('*** Begin Patch') && text.includes('Done!') && !text.includes('gAAAA'), text);
        const roles = body.messages.map((m) => m.role);
        assert.deepEqual(roles, model === 'claude-opus' ? ['user', 'assistant', 'user', 'assistant', 'user'] : ['system', 'user', 'user', 'assistant', 'tool', 'assistant', 'tool']);
      });
    }
  });

  describe('Claude Code', () => {
    const headers = () => ({
      authorization: `Bearer ${key}`, 'anthropic-version': '2023-06-01', 'anthropic-beta': 'claude-code-20250219,context-management-2025-06-27,unknown-2099', 'x-app': 'cli',
      'user-agent': 'claude-cli/2.0.50 (external, cli)', 'x-stainless-timeout': '600',
    });
    const cache = { cache_control: { type: 'ephemeral' } };
    const ask = (model) => ({
      model,
      messages: [
        { role: 'user', content: [{ type: 'text', text: '<system-reminder>' }, { type: 'text', text: 'hi', ...cache }] },
        { role: 'assistant', content: [
          { type: 'thinking', thinking: 'hm', signature: 'c2ln' }, { type: 'text', text: 'Looking.' }, { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'q' } },
          { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [{ type: 'web_search_result', url: 'https://h', title: 't', encrypted_content: 'E', page_age: null }] },
          { type: 'tool_use', id: 'toolu_1', name: 'Bash', input: { command: 'ls', n: 17 } },
        ] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'a.txt', is_error: false }, { type: 'text', text: 'go on', ...cache }] },
      ],
      system: [{ type: 'text', text: 'You are Claude Code.', ...cache }, { type: 'text', text: 'Rules.', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      tools: [
        { name: 'Bash', description: 'd', input_schema: { $schema: 'http://json-schema.org/draft-07/schema#', type: 'object', properties: { command: { type: 'string' } }, additionalProperties: false } },
        { type: 'web_search_20250305', name: 'web_search', max_uses: 8 }, { name: 'mcp__x__y', input_schema: { type: 'object' }, defer_loading: true, ...cache },
      ],
      metadata: { user_id: `user_${'a'.repeat(64)}_account__session_0199` }, max_tokens: 32000, temperature: 0.5, thinking: { type: 'enabled', budget_tokens: 31999 },
      context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] }, mcp_servers: [{ type: 'url', url: 'https://m', name: 'm' }], container: { id: 'c' }, speed: 'fast', stream: true,
    });

    test('an Anthropic deployment gets every byte but the model', async () => {
      const body = JSON.stringify(ask('claude-opus')).replace('"n":17', '"n":17.0'); // a number keeps its form
      const answer = events(await send('/v1/messages?beta=true', body, headers()));
      assert.deepEqual(answer.map((e) => e.type).filter((kind) => kind !== 'ping' && kind !== 'content_block_delta'), ['message_start', 'content_block_start', 'content_block_stop', 'message_delta', 'message_stop']);
      const sent = await last();
      assert.equal(sent.text, body.replace('"claude-opus"', '"claude-opus-4-5-20251101"'));
      assert.equal(sent.header['Anthropic-Beta'][0], headers()['anthropic-beta']);
      assert.ok(!JSON.stringify(sent.header).includes(key));
    });

    for (const model of ['gpt-5', 'mistral-large']) {
      test(`another provider gets what it knows: ${model}`, async () => {
        await gate.script({ tool_calls: [{ id: 'call_9', name: 'Bash', arguments: '{"command":"cat a.txt"}' }] });
        const answer = events(await send('/v1/messages?beta=true', ask(model), headers()));
        const block = answer.find((e) => e.type === 'content_block_start').content_block;
        assert.deepEqual([block.type, block.id, block.name], ['tool_use', 'call_9', 'Bash']);
        assert.equal(answer.find((e) => e.type === 'message_delta').delta.stop_reason, 'tool_use');
        const { body, text } = await last();
        assert.deepEqual(body.messages.map((m) => m.role), ['system', 'user', 'assistant', 'tool', 'user']);
        assert.deepEqual(body.tools.map((tool) => tool.function.name), ['Bash', 'mcp__x__y']);
        for (const foreign of ['cache_control', 'context_management', 'mcp_servers', 'container', 'web_search']) assert.ok(!text.includes(foreign), `${foreign} was sent`);
        assert.equal(body.temperature, model === 'gpt-5' ? undefined : 0.5); // gpt-5 takes none
      });
    }

    test('tokens are counted', async () => {
      for (const model of ['claude-opus', 'gpt-5']) {
        const { messages, system, tools } = ask(model);
        assert.ok(JSON.parse(await send('/v1/messages/count_tokens?beta=true', { model, messages, system, tools }, headers())).input_tokens > 0);
      }
    });

    test('the base is there, telemetry is taken', async () => {
      await send('/', undefined, {}, 'HEAD');
      assert.equal(await send('/api/event_logging/batch', { events: [] }), '{}');
    });
  });

  describe('Gemini CLI', () => {
    const ask = {
      systemInstruction: { role: 'user', parts: [{ text: 'You are an agent.' }] },
      contents: [
        { role: 'user', parts: [{ text: 'hi' }] },
        { role: 'model', parts: [{ thought: true, text: 'hm' }, { functionCall: { id: 'x', name: 'read_file', args: { path: 'a' } }, thoughtSignature: 'c2ln' }] },
        { role: 'user', parts: [{ functionResponse: { id: 'x', name: 'read_file', response: { output: 'data' } } }] },
      ],
      tools: [{ functionDeclarations: [{ name: 'read_file', description: 'd', parametersJsonSchema: { type: 'object', properties: { path: { type: 'string' } } } }] }],
      generationConfig: { temperature: 0, topP: 1, thinkingConfig: { includeThoughts: true, thinkingBudget: 8192 } },
    };
    for (const model of ['gpt-5', 'claude-opus']) {
      test(`a stream: ${model}`, async () => {
        const parts = events(await send(`/v1beta/models/${model}:streamGenerateContent?alt=sse`, ask, { 'x-goog-api-key': key }));
        assert.equal(parts.flatMap((e) => e.candidates?.[0]?.content?.parts ?? []).map((p) => p.text ?? '').join(''), 'Hello from the fake provider.');
        assert.equal(parts.at(-1).usageMetadata.totalTokenCount, 30);
        const { text } = await last();
        assert.ok(text.includes('read_file') && text.includes('data') && text.includes('You are an agent.'), text);
        assert.ok(JSON.parse(await send(`/v1beta/models/${model}:countTokens`, { contents: ask.contents }, { 'x-goog-api-key': key })).totalTokens > 0);
      });
    }
  });

  describe('editors and fronts', () => {
    const messages = [{ role: 'user', content: 'hi' }];

    test('Cursor mixes both wires in a chat', async () => {
      await send('/v1/chat/completions', {
        model: 'claude-opus', stream: true, stream_options: { include_usage: true }, temperature: 0, user: 'google-oauth2|1',
        tools: [{ name: 'edit', description: 'd', input_schema: { type: 'object' } }, { type: 'function', function: { name: 'read', parameters: { type: 'object', properties: {} } } }],
        messages: [
          { role: 'system', content: [{ type: 'text', text: 's', cache_control: { type: 'ephemeral' } }] }, ...messages,
          { role: 'assistant', content: [{ type: 'text', text: 'k' }, { type: 'tool_use', id: 't1', name: 'edit', input: {} }] }, { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't1', content: [{ type: 'text', text: 'ok' }] }] },
          { role: 'assistant', content: '', tool_calls: [{ id: 't2', type: 'function', function: { name: 'read', arguments: '' } }] }, { role: 'tool', tool_call_id: 't2', content: 'text' },
        ],
      });
      const { body } = await last();
      assert.deepEqual(body.tools.map((tool) => tool.name), ['edit', 'read']);
      assert.deepEqual(body.messages.map((m) => m.content.map((block) => block.type).join()), ['text', 'text,tool_use', 'tool_result', 'tool_use', 'tool_result']);
    });

    test('Continue completes text with models that only chat', async () => {
      for (const model of ['claude-opus', 'mistral-large']) {
        const whole = JSON.parse(await send('/v1/completions', { model, prompt: 'def f(', suffix: '', max_tokens: 50 }));
        assert.deepEqual([whole.object, whole.choices[0].text, whole.usage.total_tokens], ['text_completion', 'Hello from the fake provider.', 30]);
        const pieces = events(await send('/v1/completions', { model, prompt: ['def f('], stream: true }));
        assert.equal(pieces.map((e) => e.choices[0]?.text ?? '').join(''), 'Hello from the fake provider.');
        assert.ok(pieces.every((e) => e.object === 'text_completion' && e.model === model));
      }
    });

    test('Open WebUI lists models and chats', async () => {
      const { data } = JSON.parse(await send('/v1/models', undefined, { authorization: `Bearer ${key}` }, 'GET'));
      assert.deepEqual(data.map((m) => m.id), ['claude-opus', 'embed', 'gpt-5', 'mistral-large']);
      assert.ok((await send('/v1/chat/completions', { model: 'gpt-5', messages, stream: true })).endsWith('data: [DONE]\n\n'));
    });

    test("Azure's SDK", async () => {
      const azure = new AzureOpenAI({ apiKey: key, endpoint: gate.url, apiVersion: '2025-03-01-preview', maxRetries: 0 });
      for (const model of ['gpt-5', 'claude-opus']) {
        assert.equal((await azure.chat.completions.create({ model, messages })).choices[0].message.content, 'Hello from the fake provider.');
        const response = await azure.responses.create({ model, input: 'hi' });
        assert.equal(response.output_text, 'Hello from the fake provider.');
        assert.ok(response.id.length > 40, 'the id is the provider\'s own');
      }
      assert.equal((await azure.embeddings.create({ model: 'embed', input: 'x' })).data[0].embedding[0], 1);
    });

    test('engines, deployments, with and without /v1', async () => {
      for (const base of ['/engines/gpt-5', '/v1/engines/gpt-5', '/openai/deployments/gpt-5', '/v1/openai/deployments/claude-opus']) {
        assert.equal(JSON.parse(await send(`${base}/chat/completions?api-version=2024-10-21`, { messages }, { 'api-key': key })).choices[0].message.content, 'Hello from the fake provider.');
        assert.equal(JSON.parse(await send(`${base}/completions`, { prompt: 'x' }, { 'api-key': key })).choices[0].text, 'Hello from the fake provider.');
      }
      assert.equal(JSON.parse(await send('/engines/embed/embeddings', { input: 'x' })).data[0].embedding[0], 1);
    });
  });
});
