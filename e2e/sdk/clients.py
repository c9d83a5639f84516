"""The Python SDKs against a gateway that runs already: python_test.go starts it and calls this."""

import base64
import os
import struct
import unittest

import anthropic
import openai
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel, SecretStr

URL = os.environ["GATEHOUSE_URL"]
KEY = os.environ["GATEHOUSE_KEY"]
NARROW = os.environ["GATEHOUSE_NARROW_KEY"]
SPENT = os.environ["GATEHOUSE_SPENT_KEY"]

# As in model_test.go.
TEXT = "Hello from the fake provider."
WEATHER = "It is 7 degrees in Oslo."
IMAGE = "A red square."
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
MODELS = ("gpt-4o", "claude-sonnet-4-5")
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "degrees": {"type": "integer"}},
    "required": ["city", "degrees"],
    "additionalProperties": False,
}


class City(BaseModel):
    city: str
    degrees: int


def openai_client(key=KEY):
    return openai.OpenAI(api_key=key, base_url=URL + "/v1", max_retries=0)


def anthropic_client(key=KEY):
    return anthropic.Anthropic(api_key=key, base_url=URL, max_retries=0)


def user(content="Hello"):
    return [{"role": "user", "content": content}]


class OpenAI(unittest.TestCase):
    def setUp(self):
        self.sdk = openai_client()
        self.addCleanup(self.sdk.close)

    def test_chat(self):
        for model in MODELS:
            raw = self.sdk.chat.completions.with_raw_response.create(model=model, messages=user())
            answer = raw.parse()
            self.assertEqual(answer.choices[0].message.content, TEXT)
            self.assertEqual(answer.usage.total_tokens, 30)
            self.assertEqual(raw.headers["x-request-id"], raw.headers["x-litellm-call-id"])

    def test_stream(self):
        for model in MODELS:
            chunks = list(self.sdk.chat.completions.create(model=model, messages=user(), stream=True, stream_options={"include_usage": True}))
            self.assertEqual("".join(c.choices[0].delta.content or "" for c in chunks if c.choices), TEXT)
            self.assertEqual([c.usage.total_tokens for c in chunks if c.usage], [30])

    def test_tools(self):
        tools = [{"type": "function", "function": {"name": "weather", "parameters": SCHEMA}}]
        for model in MODELS:
            messages = user("How is the weather in Oslo?")
            first = self.sdk.chat.completions.create(model=model, messages=messages, tools=tools).choices[0]
            self.assertEqual(first.finish_reason, "tool_calls")
            call = first.message.tool_calls[0]
            messages += [first.message, {"role": "tool", "tool_call_id": call.id, "content": "7 degrees"}]
            answer = self.sdk.chat.completions.create(model=model, messages=messages, tools=tools)
            self.assertEqual(answer.choices[0].message.content, WEATHER)

    def test_image(self):
        parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}}]
        for model in MODELS:
            answer = self.sdk.chat.completions.create(model=model, messages=user(parts))
            self.assertEqual(answer.choices[0].message.content, IMAGE)

    def test_schema(self):
        for model in MODELS:
            answer = self.sdk.chat.completions.parse(model=model, messages=user("Weather?"), response_format=City)
            self.assertEqual(answer.choices[0].message.parsed, City(city="Oslo", degrees=7))

    def test_responses(self):
        for model in MODELS:
            self.assertEqual(self.sdk.responses.create(model=model, input="Hello").output_text, TEXT)
            with self.sdk.responses.create(model=model, input="Hello", stream=True) as stream:
                self.assertEqual("".join(e.delta for e in stream if e.type == "response.output_text.delta"), TEXT)
        # The helper puts the response together out of every event, as the bridge to another wire sends them.
        with self.sdk.responses.stream(model="claude-sonnet-4-5", input="Hello") as stream:
            self.assertEqual(stream.get_final_response().output_text, TEXT)

    def test_embeddings(self):
        answer = self.sdk.embeddings.create(model="text-embedding-3-small", input=["a", "b"])
        self.assertEqual(answer.data[1].embedding[:2], [2, 1])
        raw = self.sdk.embeddings.create(model="text-embedding-3-small", input="a", encoding_format="base64").data[0].embedding
        self.assertEqual(struct.unpack("<f", base64.b64decode(raw)[:4])[0], 1)

    def test_azure(self):
        sdk = openai.AzureOpenAI(api_key=KEY, azure_endpoint=URL, api_version="2024-10-21", max_retries=0)
        self.addCleanup(sdk.close)
        self.assertEqual(sdk.chat.completions.create(model="gpt-4o", messages=user()).choices[0].message.content, TEXT)
        self.assertEqual(sdk.embeddings.create(model="text-embedding-3-small", input="a").data[0].embedding[0], 1)

    def test_errors(self):
        cases = (
            ("sk-unknown-0123456789abcdef", "gpt-4o", "Hello", openai.AuthenticationError, 401),
            (NARROW, "gpt-4o", "Hello", openai.PermissionDeniedError, 403),
            (KEY, "gpt-9", "Hello", openai.NotFoundError, 404),
            (SPENT, "gpt-4o", "Hello", openai.RateLimitError, 429),
            (KEY, "gpt-4o", "fail 400", openai.BadRequestError, 400),
            (KEY, "gpt-4o", "fail 401", openai.InternalServerError, 502),
            (KEY, "gpt-4o", "fail 409", openai.ConflictError, 409),
            (KEY, "gpt-4o", "fail 422", openai.UnprocessableEntityError, 422),
            (KEY, "gpt-4o", "fail 429", openai.RateLimitError, 429),
            (KEY, "claude-sonnet-4-5", "fail 500", openai.InternalServerError, 500),
        )
        for key, model, say, kind, status in cases:
            with self.subTest(kind=kind, model=model, say=say), openai_client(key) as sdk:
                with self.assertRaises(kind) as caught:
                    sdk.chat.completions.create(model=model, messages=user(say))
                self.assertEqual(caught.exception.status_code, status)
                self.assertTrue(caught.exception.request_id)


class Anthropic(unittest.TestCase):
    def setUp(self):
        self.sdk = anthropic_client()
        self.addCleanup(self.sdk.close)

    def create(self, model, messages, **more):
        return self.sdk.messages.create(model=model, max_tokens=100, messages=messages, **more)

    def test_message(self):
        for model in MODELS:
            answer = self.create(model, user())
            self.assertEqual(answer.content[0].text, TEXT)
            self.assertEqual((answer.usage.input_tokens, answer.usage.output_tokens, answer.stop_reason), (10, 20, "end_turn"))

    def test_stream(self):
        for model in MODELS:
            with self.sdk.messages.stream(model=model, max_tokens=100, messages=user()) as stream:
                self.assertEqual("".join(stream.text_stream), TEXT)
                self.assertEqual(stream.get_final_message().usage.output_tokens, 20)

    def test_tools(self):
        tools = [{"name": "weather", "input_schema": SCHEMA}]
        for model in MODELS:
            messages = user("How is the weather in Oslo?")
            first = self.create(model, messages, tools=tools)
            self.assertEqual((first.stop_reason, first.content[0].input), ("tool_use", {"city": "Oslo"}))
            result = {"type": "tool_result", "tool_use_id": first.content[0].id, "content": "7 degrees"}
            messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": [result]}]
            self.assertEqual(self.create(model, messages, tools=tools).content[0].text, WEATHER)

    def test_image(self):
        image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PIXEL}}
        for model in MODELS:
            self.assertEqual(self.create(model, user([{"type": "text", "text": "What?"}, image])).content[0].text, IMAGE)

    def test_schema(self):
        for model in MODELS:
            answer = self.create(model, user(), extra_body={"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}})
            self.assertEqual(City.model_validate_json(answer.content[0].text), City(city="Oslo", degrees=7))

    def test_counting(self):
        for model in MODELS:
            self.assertGreater(self.sdk.messages.count_tokens(model=model, messages=user()).input_tokens, 0)

    def test_errors(self):
        cases = (
            ("sk-unknown-0123456789abcdef", "gpt-4o", "Hello", anthropic.AuthenticationError, 401),
            (NARROW, "gpt-4o", "Hello", anthropic.PermissionDeniedError, 403),
            (KEY, "gpt-9", "Hello", anthropic.NotFoundError, 404),
            (SPENT, "gpt-4o", "Hello", anthropic.RateLimitError, 429),
            (KEY, "claude-sonnet-4-5", "fail 400", anthropic.BadRequestError, 400),
            (KEY, "claude-sonnet-4-5", "fail 529", anthropic.APIStatusError, 529),
            (KEY, "gpt-4o", "fail 500", anthropic.InternalServerError, 500),
        )
        for key, model, say, kind, status in cases:
            with self.subTest(kind=kind, model=model, say=say), anthropic_client(key) as sdk:
                with self.assertRaises(kind) as caught:
                    sdk.messages.create(model=model, max_tokens=100, messages=user(say))
                self.assertEqual(caught.exception.status_code, status)
                self.assertTrue(caught.exception.request_id)


class LangChain(unittest.TestCase):
    def models(self):
        for model in MODELS:
            yield ChatOpenAI(model=model, api_key=SecretStr(KEY), base_url=URL + "/v1", max_retries=0)
            yield ChatAnthropic(model=model, api_key=SecretStr(KEY), base_url=URL, max_retries=0, max_tokens=100)

    def test_message_and_stream(self):
        for model in self.models():
            answer = model.invoke("Hello")
            self.assertEqual((answer.text, answer.usage_metadata["total_tokens"]), (TEXT, 30))
            self.assertEqual("".join(chunk.text for chunk in model.stream("Hello")), TEXT)

    def test_tools(self):
        @tool
        def weather(city: str) -> str:
            """Tells the weather."""
            return "7 degrees in " + city

        for model in self.models():
            able, messages = model.bind_tools([weather]), [HumanMessage("How is the weather in Oslo?")]
            first = able.invoke(messages)
            self.assertEqual(first.tool_calls[0]["args"], {"city": "Oslo"})
            self.assertEqual(able.invoke([*messages, first, weather.invoke(first.tool_calls[0])]).text, WEATHER)

    def test_image(self):
        parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64," + PIXEL}}]
        for model in self.models():
            self.assertEqual(model.invoke([HumanMessage(parts)]).text, IMAGE)

    def test_schema(self):
        for model in self.models():
            answer = model.with_structured_output(City, method="json_schema").invoke("Weather?")
            self.assertEqual(answer, City(city="Oslo", degrees=7))

    def test_embeddings(self):
        # Without the check LangChain sends text; with it, tokens, for which it downloads a vocabulary.
        model = OpenAIEmbeddings(model="text-embedding-3-small", api_key=SecretStr(KEY), base_url=URL + "/v1", max_retries=0, check_embedding_ctx_length=False)
        self.assertEqual(model.embed_documents(["a", "b"])[1][:2], [2, 1])

    def test_errors(self):
        cases = ((ChatOpenAI, "/v1", openai), (ChatAnthropic, "", anthropic))
        for client, path, sdk in cases:
            for key, model, kind in (("sk-unknown-0123456789abcdef", "gpt-4o", "AuthenticationError"), (KEY, "gpt-9", "NotFoundError"), (SPENT, "gpt-4o", "RateLimitError")):
                with self.subTest(client=client, kind=kind), self.assertRaises(getattr(sdk, kind)):
                    client(model=model, api_key=SecretStr(key), base_url=URL + path, max_retries=0).invoke("Hello")


if __name__ == "__main__":
    unittest.main()
