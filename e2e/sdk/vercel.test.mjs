// The Vercel AI SDK against the real binary: its OpenAI provider (chat and responses) and its Anthropic provider.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { APICallError, embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';
import { Gatehouse } from '../lib/gatehouse.mjs';

const text = 'Hello from the fake provider.';
const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';

test('the Vercel AI SDK', async (t) => {
  const gate = await Gatehouse.start(t);
  const newKey = async (fields = {}) => (await gate.admin('/key/generate', fields)).key;
  const openai = (apiKey) => createOpenAI({ apiKey, baseURL: `${gate.url}/v1` });
  const key = await newKey();
  const anthropic = createAnthropic({ apiKey: key, baseURL: `${gate.url}/v1` });
  const last = async () => (await gate.upstream()).at(-1);

  const models = {
    'chat': openai(key).chat('gpt-4o'),
    'responses': openai(key)('gpt-4o'),
    'responses of a model without them': openai(key)('claude-sonnet-4-5'),
    'Anthropic': anthropic('claude-sonnet-4-5'),
    'Anthropic, OpenAI behind it': anthropic('gpt-4o'),
  };
  for (const [name, model] of Object.entries(models)) {
    const call = { model, maxRetries: 0 };
    await t.test(`${name}: text`, async () => {
      await gate.reset();
      const answer = await generateText({ ...call, prompt: 'Hello' });
      assert.equal(answer.text, text);
      assert.equal(answer.usage.outputTokens, 20);
    });

    await t.test(`${name}: a stream`, async () => {
      let got = '';
      const result = streamText({ ...call, prompt: 'Hello' });
      for await (const piece of result.textStream) got += piece;
      assert.equal(got, text);
      assert.equal((await result.usage).outputTokens, 20);
      assert.equal(await result.finishReason, 'stop');
    });

    await t.test(`${name}: tools there and back`, async () => {
      await gate.reset();
      await gate.script({ tool_calls: [{ id: 'call_abc', name: 'weather', arguments: '{"city":"Oslo"}' }] }, { text: 'It is 7 degrees.' });
      const cities = [];
      const weather = tool({
        description: 'Tells the weather.', inputSchema: z.object({ city: z.string() }),
        execute: async ({ city }) => { cities.push(city); return { degrees: 7 }; },
      });
      const answer = await generateText({ ...call, prompt: 'Weather?', tools: { weather }, stopWhen: stepCountIs(3) });
      assert.deepEqual(cities, ['Oslo']);
      assert.equal(answer.text, 'It is 7 degrees.');
      assert.equal(answer.steps.length, 2);
    });

    await t.test(`${name}: an image`, async () => {
      const content = [{ type: 'text', text: 'What?' }, { type: 'image', image: Buffer.from(pixel, 'base64'), mediaType: 'image/png' }];
      await generateText({ ...call, messages: [{ role: 'user', content }] });
      assert.ok((await last()).body.includes(pixel));
    });

    await t.test(`${name}: a schema`, async () => {
      await gate.reset();
      // Older providers ask for the object through a tool, newer ones through a schema; the model obeys either.
      await gate.script({ text: '{"city":"Oslo"}' });
      const answer = await generateText({ ...call, prompt: 'Where?', output: Output.object({ schema: z.object({ city: z.string() }) }) });
      assert.deepEqual(answer.output, { city: 'Oslo' });
    });
  }

  await t.test('embeddings', async () => {
    const { embeddings } = await embedMany({ model: openai(key).embedding('text-embedding-3-small'), values: ['a', 'b'], maxRetries: 0 });
    assert.deepEqual(embeddings[1].slice(0, 2), [2, 1]);
  });

  const refusals = [
    ['unknown key', async () => 'sk-unknown-0123456789abcdef', 'gpt-4o', 401, false],
    ['model not allowed', () => newKey({ models: ['gpt-4o-mini'] }), 'gpt-4o', 403, false],
    ['unknown model', async () => key, 'gpt-9', 404, false],
    ['rate limit', () => newKey({ rpm_limit: 0 }), 'gpt-4o', 429, true],
  ];
  for (const [name, make, model, status, again] of refusals) {
    await t.test(name, async () => {
      const error = await generateText({ model: openai(await make()).chat(model), prompt: 'Hello', maxRetries: 0 }).then(() => assert.fail('the call went through'), (e) => e);
      assert.ok(APICallError.isInstance(error), error);
      assert.deepEqual([error.statusCode, error.isRetryable], [status, again]);
      assert.ok(error.data.error.message);
    });
  }
});
