package api

import (
	"bytes"
	"encoding/json"
	"reflect"

	"github.com/gofiber/fiber/v2"

	"gatehouse/app/access"
	"gatehouse/app/control"
	"gatehouse/app/web"
	"gatehouse/models"
	"gatehouse/models/fault"
)

func (h *Handlers) keyOps() []Op {
	return []Op{
		op(Op{
			Method: "POST", Path: "/key/generate", Action: access.KeyCreate, Tag: "keys", Doc: "Make a key; its secret is in this answer only.",
			Example: `{"key_alias":"ci-bot","models":["demo"],"max_budget":25,"duration":"30d","metadata":{"app":"ci"}}`,
		}, h.keyGenerate),
		op(Op{
			Method: "POST", Path: "/key/service-account/generate", Action: access.KeyCreateService, Tag: "keys",
			Doc: "Make a team's key that belongs to nobody.", Example: `{"team_id":"{team}","key_alias":"nightly"}`,
		}, h.keyService),
		op(Op{
			Method: "GET", Path: "/key/info", Action: access.KeyInfo, Tag: "keys", Doc: "One key; without ?key= the caller's own.",
			Example: "key={key}",
		}, h.keyInfo),
		op(Op{Method: "POST", Path: "/v2/key/info", Action: access.KeyInfoMany, Tag: "keys", Doc: "Several keys.", Example: `{"keys":["{key}"]}`}, h.keyInfoMany),
		op(Op{
			Method: "POST", Path: "/key/update", Action: access.KeyUpdate, Tag: "keys", Doc: "Change a key. Absent fields stay, null clears.",
			Example: `{"key":"{key}","max_budget":50}`,
		}, h.keyUpdate),
		op(Op{
			Method: "POST", Path: "/key/bulk_update", Action: access.KeyBulkUpdate, Tag: "keys", Doc: "Change up to 500 keys.", Detail: true,
			Example: `{"keys":[{"key":"{key}","max_budget":40}]}`,
		}, h.keyBulkUpdate),
		op(Op{
			Method: "POST", Path: "/key/delete", Action: access.KeyDelete, Tag: "keys", Doc: "Delete keys, all or none.",
			Example: `{"keys":["{key}"]}`,
		}, h.keyDelete),
		op(Op{
			Method: "GET", Path: "/key/list", Action: access.KeyList, Tag: "keys", Doc: "The keys that the caller sees.",
			Example: "page=1&size=10&return_full_object=true",
		}, h.keyList),
		op(Op{Method: "GET", Path: "/key/aliases", Action: access.KeyAliases, Tag: "keys", Doc: "The names of those keys.", Example: "page=1"}, h.keyAliases),
		op(Op{Method: "POST", Path: "/key/block", Action: access.KeyBlock, Tag: "keys", Doc: "Stop a key everywhere at once.", Example: `{"key":"{key}"}`}, h.keyBlock),
		op(Op{Method: "POST", Path: "/key/unblock", Action: access.KeyUnblock, Tag: "keys", Doc: "Let a blocked key work again.", Example: `{"key":"{key}"}`}, h.keyUnblock),
		op(Op{
			Method: "POST", Path: "/key/regenerate", Action: access.KeyRegenerate, Tag: "keys", Doc: "Give a key a new secret; settings and spend stay.",
			Example: `{"key":"{key}","grace_period":"1h"}`,
		}, h.keyRegenerate),
		op(Op{
			Method: "POST", Path: "/key/:key/regenerate", Action: access.KeyRegenerate, Tag: "keys", Doc: "The same, with the key in the path.",
			Example: `{}`,
		}, h.keyRegeneratePath),
		op(Op{
			Method: "POST", Path: "/key/:key/reset_spend", Action: access.KeyResetSpend, Tag: "keys", Doc: "Set what a key has spent in its window.", Detail: true,
			Example: `{"reset_to":0}`,
		}, h.keyResetSpend),
		h.keyBudgetOp(),
		h.keyReleaseOp(),
		op(Op{Method: "POST", Path: "/key/health", Action: access.KeyHealth, Tag: "keys", Doc: "Answers if the caller's key is good.", Example: `{}`}, h.keyHealth),
	}
}

func (h *Handlers) keyGenerate(c *fiber.Ctx, in control.NewKey) (createdKey, error) {
	in.Body = bytes.Clone(c.Body())
	k, err := h.Keys.Create(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return createdKey{}, err
	}
	return createdOf(k), nil
}

func (h *Handlers) keyService(c *fiber.Ctx, in control.NewKey) (createdKey, error) {
	in.Body = bytes.Clone(c.Body())
	k, err := h.Keys.CreateService(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return createdKey{}, err
	}
	return createdOf(k), nil
}

type keyRef struct {
	Key string `query:"key"`
}

type keyInfoAnswer struct {
	Key  string `json:"key"`
	Info keyRow `json:"info"`
}

func (h *Handlers) keyInfo(c *fiber.Ctx, in keyRef) (keyInfoAnswer, error) {
	v, err := h.Keys.Info(c.UserContext(), web.Actor(c), in.Key)
	if err != nil {
		return keyInfoAnswer{}, err
	}
	if in.Key == "" {
		in.Key = v.Key.Hash
	}
	return keyInfoAnswer{Key: in.Key, Info: keyOf(v)}, nil
}

type keyRefs struct {
	Keys []string `json:"keys"`
}

type keyInfosAnswer struct {
	Keys []string `json:"key"`
	Info []keyRow `json:"info"`
}

func (h *Handlers) keyInfoMany(c *fiber.Ctx, in keyRefs) (keyInfosAnswer, error) {
	if in.Keys == nil {
		return keyInfosAnswer{}, fault.Missing("keys")
	}
	views, err := h.Keys.InfoMany(c.UserContext(), web.Actor(c), in.Keys)
	if err != nil {
		return keyInfosAnswer{}, err
	}
	return keyInfosAnswer{Keys: in.Keys, Info: keysWithToken(views)}, nil
}

type keyUpdateAnswer struct {
	Key string `json:"key"`
	keyRow
}

func (h *Handlers) keyUpdate(c *fiber.Ctx, in control.KeyUpdate) (keyUpdateAnswer, error) {
	if in.Key == "" {
		return keyUpdateAnswer{}, fault.Missing("key")
	}
	v, err := h.Keys.Update(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return keyUpdateAnswer{}, err
	}
	return keyUpdateAnswer{Key: in.Key, keyRow: keyWithToken(v)}, nil
}

type bulkKeys struct {
	Keys []control.BulkKey `json:"keys" required:"true"`
}

type bulkKeysAnswer struct {
	Total   int           `json:"total_requested"`
	Done    []bulkKeyDone `json:"successful_updates"`
	Refused []bulkKeyFail `json:"failed_updates"`
}

type bulkKeyDone struct {
	Key  string `json:"key"`
	Info keyRow `json:"key_info"`
}

type bulkKeyFail struct {
	Key    string  `json:"key"`
	Info   *keyRow `json:"key_info"`
	Reason string  `json:"failed_reason"`
}

func (h *Handlers) keyBulkUpdate(c *fiber.Ctx, in bulkKeys) (bulkKeysAnswer, error) {
	outcomes, err := h.Keys.BulkUpdate(c.UserContext(), web.Actor(c), in.Keys)
	if err != nil {
		return bulkKeysAnswer{}, err
	}
	out := bulkKeysAnswer{Total: len(in.Keys), Done: []bulkKeyDone{}, Refused: []bulkKeyFail{}}
	for _, o := range outcomes {
		if o.Err == nil {
			out.Done = append(out.Done, bulkKeyDone{Key: o.Key, Info: keyOf(o.View)})
			continue
		}
		out.Refused = append(out.Refused, bulkKeyFail{Key: o.Key, Reason: reason(o.Err)})
	}
	return out, nil
}

// reason is an error's text for people; an internal error keeps its cause to itself.
func reason(err error) string {
	if f := fault.As(err); f != nil {
		return f.Message
	}
	return "something went wrong"
}

type keyDelete struct {
	Keys    []string `json:"keys"`
	Aliases []string `json:"key_aliases"`
}

type keyDeleteAnswer struct {
	Deleted []string `json:"deleted_keys"`
}

func (h *Handlers) keyDelete(c *fiber.Ctx, in keyDelete) (keyDeleteAnswer, error) {
	var deleted []string
	var err error
	switch {
	case len(in.Keys) > 0:
		deleted, err = h.Keys.Delete(c.UserContext(), web.Actor(c), in.Keys)
	case len(in.Aliases) > 0:
		deleted, err = h.Keys.DeleteByAlias(c.UserContext(), web.Actor(c), in.Aliases)
	default:
		return keyDeleteAnswer{}, fault.Missing("keys")
	}
	return keyDeleteAnswer{Deleted: deleted}, err
}

type keyListQuery struct {
	control.KeyQuery
	Full bool `query:"return_full_object"`
}

type keyListAnswer struct {
	Keys  keyItems `json:"keys"`
	Total int      `json:"total_count"`
	Page  int      `json:"current_page"`
	Pages int      `json:"total_pages"`
}

// keyItems are hashes, or objects when the caller asked for them.
type keyItems struct {
	hashes []string
	rows   []keyRow
}

// MarshalJSON writes the list that is there.
func (k keyItems) MarshalJSON() ([]byte, error) {
	if k.rows != nil {
		return json.Marshal(k.rows)
	}
	return json.Marshal(orEmpty(k.hashes))
}

func (keyItems) schema(g *schemas) object {
	return object{"description": "hashes; objects with return_full_object", "anyOf": []any{g.answer(reflect.TypeFor[[]string]()), g.answer(reflect.TypeFor[[]keyRow]())}}
}

func (h *Handlers) keyList(c *fiber.Ctx, in keyListQuery) (keyListAnswer, error) {
	page, err := h.Keys.List(c.UserContext(), web.Actor(c), in.KeyQuery)
	if err != nil {
		return keyListAnswer{}, err
	}
	out := keyListAnswer{Total: page.Total, Page: page.Page, Pages: page.Pages()}
	if !in.Full && in.Expand != "user" {
		hashes := make([]string, len(page.Items))
		for i, v := range page.Items {
			hashes[i] = v.Key.Hash
		}
		out.Keys.hashes = hashes
		return out, nil
	}
	rows := keysWithToken(page.Items)
	if in.Expand == "user" {
		for i := range rows {
			if u := page.Items[i].Owner; u != nil {
				row := userOf(&control.UserView{User: *u})
				rows[i].User = &row
			}
		}
	}
	out.Keys.rows = rows
	return out, nil
}

type keyAliasesAnswer struct {
	Aliases []string `json:"aliases"`
	Total   int      `json:"total_count"`
	Page    int      `json:"current_page"`
	Pages   int      `json:"total_pages"`
	Size    int      `json:"size"`
}

func (h *Handlers) keyAliases(c *fiber.Ctx, in control.AliasQuery) (keyAliasesAnswer, error) {
	page, err := h.Keys.Aliases(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return keyAliasesAnswer{}, err
	}
	return keyAliasesAnswer{Aliases: orEmpty(page.Items), Total: page.Total, Page: page.Page, Pages: page.Pages(), Size: page.Size}, nil
}

type keyBlock struct {
	Key    string `json:"key" required:"true"`
	Reason string `json:"reason"`
}

func (h *Handlers) keyBlock(c *fiber.Ctx, in keyBlock) (keyRow, error) {
	if in.Key == "" {
		return keyRow{}, fault.Missing("key")
	}
	v, err := h.Keys.Block(c.UserContext(), web.Actor(c), in.Key, in.Reason)
	if err != nil {
		return keyRow{}, err
	}
	return keyWithToken(v), nil
}

func (h *Handlers) keyUnblock(c *fiber.Ctx, in keyBlock) (keyRow, error) {
	if in.Key == "" {
		return keyRow{}, fault.Missing("key")
	}
	v, err := h.Keys.Unblock(c.UserContext(), web.Actor(c), in.Key)
	if err != nil {
		return keyRow{}, err
	}
	return keyWithToken(v), nil
}

func (h *Handlers) keyRegenerate(c *fiber.Ctx, in control.RotateKey) (createdKey, error) {
	if in.Key == "" {
		return createdKey{}, fault.BadField("key", "no key was given to regenerate")
	}
	k, err := h.Keys.Rotate(c.UserContext(), web.Actor(c), in)
	if err != nil {
		return createdKey{}, err
	}
	return createdOf(k), nil
}

type keyRegeneratePath struct {
	Path string `path:"key"`
	control.RotateKey
}

func (h *Handlers) keyRegeneratePath(c *fiber.Ctx, in keyRegeneratePath) (createdKey, error) {
	in.RotateKey.Key = in.Path
	return h.keyRegenerate(c, in.RotateKey)
}

type keyResetSpend struct {
	Path string           `path:"key"`
	To   *json.RawMessage `json:"reset_to" required:"true"`
}

type keyResetAnswer struct {
	Hash      string       `json:"key_hash"`
	Spend     models.Nano  `json:"spend"`
	Previous  models.Nano  `json:"previous_spend"`
	MaxBudget *models.Nano `json:"max_budget"`
	ResetAt   *models.Time `json:"budget_reset_at"`
}

func (h *Handlers) keyResetSpend(c *fiber.Ctx, in keyResetSpend) (keyResetAnswer, error) {
	if in.To == nil {
		return keyResetAnswer{}, fault.Missing("reset_to")
	}
	var to models.Nano
	if err := to.UnmarshalJSON(*in.To); err != nil {
		return keyResetAnswer{}, fault.BadField("reset_to", "reset_to: %v", err)
	}
	r, err := h.Keys.ResetSpend(c.UserContext(), web.Actor(c), in.Path, to)
	if err != nil {
		return keyResetAnswer{}, err
	}
	return keyResetAnswer{Hash: r.Hash, Spend: r.Spend, Previous: r.PreviousSpend, MaxBudget: r.MaxBudget, ResetAt: r.ResetsAt}, nil
}

type keyHealthAnswer struct {
	Key       string  `json:"key"`
	Callbacks *string `json:"logging_callbacks"`
}

func (h *Handlers) keyHealth(c *fiber.Ctx, _ none) (keyHealthAnswer, error) {
	_, err := h.Keys.Health(c.UserContext(), web.Actor(c))
	return keyHealthAnswer{Key: "healthy"}, err
}
