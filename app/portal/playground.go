package portal

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
	"gatehouse/views/i18n"
	"gatehouse/views/playground"
	"gatehouse/views/ui"
)

// wholeAnswer bounds an answer that is shown without scripts.
const wholeAnswer = 4 << 20

// playInput is what the playground sends, by its form or by its script.
type playInput struct {
	Key         string          `json:"key"`
	Model       string          `json:"model"`
	Messages    json.RawMessage `json:"messages"`
	Temperature *float64        `json:"temperature"`
	MaxTokens   *int64          `json:"max_tokens"`
}

type playMessage struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

// playgroundPage serves GET /ui/playground?key&model.
func (h *Handlers) playgroundPage(c *fiber.Ctx) error {
	return h.showPlayground(c, fiber.StatusOK, playground.Playground{}, c.Query("key"), c.Query("model"))
}

func (h *Handlers) showPlayground(c *fiber.Ctx, status int, v playground.Playground, keyID, model string) error {
	f, err := h.view(c)
	if err != nil {
		return err
	}
	l := h.locale(c)
	f.Scripts = append(f.Scripts, f.Assets.Playground)
	v.Action, v.StreamURL, v.APIURL = h.url("/ui/playground"), "/ui/playground/stream", h.url("/ui/api?model="+url.QueryEscape(model))
	v.Session = l.ChargedToSession(l.Money(int64(h.opt.Policy().LiteLLM.MaxUISessionBudget)))
	off, err := h.playgroundOff(c.UserContext(), c)
	if err != nil {
		return err
	}
	if v.Off = off; off == "" {
		options, chosen, err := h.ownKeys(c, keyID)
		if err != nil {
			return err
		}
		if keyID == "" { // the person's own rights, unless they choose a key
			chosen = nil
			for i := range options {
				options[i].Selected = false
			}
		}
		v.Keys = append([]ui.Option{{Label: l.WithoutKey(), Selected: chosen == nil}}, options...)
		if v.Models, err = h.modelChoices(c, chosen, model); err != nil {
			return err
		}
		if len(v.Models) == 0 {
			v.Off = l.NoModelsHere()
		}
	}
	return web.RenderStatus(c, status, playground.Page(f, v), nil)
}

// playgroundOff says why no call can be made here, "" when one can. Who may not have personal keys may not call models by
// their session either.
func (h *Handlers) playgroundOff(ctx context.Context, c *fiber.Ctx) (string, error) {
	l := h.lang(c)
	if extra(c).Caller == nil || h.opt.Policy().LiteLLM.MaxUISessionBudget <= 0 {
		return l.PlaygroundOff(), nil
	}
	o, err := h.Keys.Options(ctx, web.Actor(c), "")
	if err != nil {
		return "", err
	}
	if !o.Personal {
		return l.PersonalKeysOff(), nil
	}
	return "", nil
}

// call makes one request through the data plane.
func (h *Handlers) call(ctx context.Context, c *fiber.Ctx, in playInput, stream bool) (*ChatAnswer, error) {
	off, err := h.playgroundOff(ctx, c)
	if err != nil {
		return nil, err
	}
	if off != "" {
		return nil, fault.New(fault.Forbidden, off).WithType("auth_error")
	}
	actor := web.Actor(c)
	call := ChatCall{
		Actor: actor, Scope: models.ScopeSession(actor.SessionID), Cap: h.opt.Policy().LiteLLM.MaxUISessionBudget, Stream: stream, RequestID: web.RequestID(c),
		From: c.Context(),
	}
	if in.Key != "" {
		v, err := h.Keys.Info(ctx, actor, control.ByID(in.Key))
		if err != nil {
			return nil, err
		}
		if textOf(v.Key.UserID) != actor.UserID {
			return nil, fault.New(fault.Forbidden, h.lang(c).KeyGone()).WithParam("key")
		}
		call.Key = &v.Key
	}
	body := map[string]any{"model": in.Model, "messages": in.Messages}
	if in.Temperature != nil {
		body["temperature"] = *in.Temperature
	}
	if in.MaxTokens != nil {
		body["max_tokens"] = *in.MaxTokens
	}
	if stream {
		body["stream"], body["stream_options"] = true, map[string]bool{"include_usage": true}
	}
	if call.Body, err = json.Marshal(body); err != nil {
		return nil, fault.New(fault.Invalid, "the messages cannot be read").WithCause(err)
	}
	return extra(c).Caller.Chat(ctx, call)
}

// playgroundAsk serves POST /ui/playground: the page with one whole answer, for browsers without scripts.
func (h *Handlers) playgroundAsk(c *fiber.Ctx) error {
	f := h.readForm(c)
	system, text := f.value("system"), strings.TrimSpace(c.FormValue("message"))
	v := playground.Playground{System: f.text("system"), Temperature: f.text("temperature"), MaxTokens: f.text("max_tokens")}
	in, problem := f.playInput(system, text)
	if problem != "" {
		v.Error, v.Message.Value = problem, text
		return h.showPlayground(c, fiber.StatusUnprocessableEntity, v, in.Key, in.Model)
	}
	v.Turns = []playground.Turn{{Own: true, Text: text}}
	start := h.opt.Now()
	answer, err := h.call(c.UserContext(), c, in, false)
	if err != nil {
		no := fault.As(err)
		if no == nil || no.Kind == fault.Internal {
			return err
		}
		v.Error, v.Message.Value = say(h.locale(c), no.Message), text
		return h.showPlayground(c, web.Status(err), v, in.Key, in.Model)
	}
	turn, problem, err := readAnswer(f.l, answer, h.opt.Now().Sub(start))
	if err != nil {
		return err
	}
	status := fiber.StatusOK
	if problem != "" {
		v.Error, v.Message.Value, status = problem, text, fiber.StatusUnprocessableEntity // the call was refused, not the page
	} else {
		v.Turns = append(v.Turns, turn)
	}
	return h.showPlayground(c, status, v, in.Key, in.Model)
}

// playInput reads the form.
func (f *form) playInput(system, text string) (in playInput, problem string) {
	in = playInput{Key: f.value("key"), Model: f.value("model")}
	if text == "" {
		return in, f.l.ErrMessage()
	}
	var list []playMessage
	if system != "" {
		list = append(list, playMessage{"system", system})
	}
	raw, err := json.Marshal(append(list, playMessage{"user", text}))
	if err != nil {
		return in, f.l.ErrMessage()
	}
	in.Messages = raw
	if t := f.value("temperature"); t != "" {
		n, err := strconv.ParseFloat(t, 64)
		if err != nil || n < 0 || n > 2 {
			return in, f.l.ErrTemperature()
		}
		in.Temperature = &n
	}
	if most := f.whole("max_tokens"); f.bad() {
		return in, f.problem("max_tokens")
	} else if most.Has() {
		in.MaxTokens = &most.Value
	}
	return in, ""
}

// readAnswer reads one whole answer; problem is a refusal in the data plane's words.
func readAnswer(l i18n.Locale, answer *ChatAnswer, took time.Duration) (turn playground.Turn, problem string, err error) {
	raw, err := io.ReadAll(io.LimitReader(answer.Body, wholeAnswer))
	if err = errors.Join(err, answer.Body.Close()); err != nil {
		return turn, "", err
	}
	var said struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
		Choices []struct {
			Message playMessage `json:"message"`
		} `json:"choices"`
		Usage struct {
			Total int64 `json:"total_tokens"`
		} `json:"usage"`
	}
	if json.Unmarshal(raw, &said) != nil || answer.Status >= fiber.StatusBadRequest || len(said.Choices) == 0 {
		problem = l.SomethingWrongShort()
		if said.Error.Message != "" {
			problem = said.Error.Message
		}
		return turn, problem, nil
	}
	cost := l.NotKnown()
	if n, err := models.ParseNano(answer.Cost); err == nil {
		cost = l.Money(int64(n))
	}
	return playground.Turn{Text: said.Choices[0].Message.Content, Note: l.PlayNote(l.Number(said.Usage.Total), cost, l.Took(took))}, "", nil
}

// playgroundStream serves POST /ui/playground/stream for the page's script: the data plane's answer as it comes. Errors are
// in the form of the API.
func (h *Handlers) playgroundStream(c *fiber.Ctx) error {
	c.Locals("gatehouse.page", false) // the script reads JSON
	var in playInput
	if err := web.DecodeJSON(c, &in); err != nil {
		return err
	}
	if in.Model == "" || len(in.Messages) == 0 {
		return fault.Missing("model", "messages")
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(c.UserContext()))
	answer, err := h.call(ctx, c, in, true)
	if err != nil {
		cancel()
		return err
	}
	c.Status(answer.Status)
	c.Set(fiber.HeaderContentType, answer.ContentType)
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set("X-Accel-Buffering", "no")
	if answer.Cost != "" {
		c.Set("x-litellm-response-cost", answer.Cost)
	}
	log, id := h.opt.Log, web.RequestID(c)
	c.Context().SetBodyStreamWriter(func(w *bufio.Writer) {
		// This runs after the handler, in a goroutine of the server's: it owns the answer, and a panic must end here.
		defer cancel()
		defer func() {
			if r := recover(); r != nil {
				log.Error("panic in a playground stream", slog.String("request_id", id), slog.Any("panic", r))
			}
		}()
		relay(w, answer.Body)
	})
	return nil
}

// relay sends on what comes, at once; it ends when the client has left, which a failed flush tells.
func relay(w *bufio.Writer, body io.ReadCloser) {
	defer func() { _ = body.Close() }() // ends the call upstream; nobody is left to tell
	buffer := make([]byte, 16<<10)
	for {
		n, err := body.Read(buffer)
		if n > 0 {
			if _, werr := w.Write(buffer[:n]); werr != nil || w.Flush() != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
