package i18n

// Words of the API key pages.

func (l Lang) KeysLead() string {
	return l.pick("Each app or person gets its own key, so you can limit it, trace it and revoke it alone.", "每个应用或每个人用自己的密钥，便于单独限额、追踪和停用。")
}
func (l Lang) CreateKey() string    { return l.pick("Create key", "创建密钥") }
func (l Lang) CreateAPIKey() string { return l.pick("Create API key", "创建 API 密钥") }
func (l Lang) CreateKeyLead() string {
	return l.pick("You will see the full key once, right after you create it.", "完整密钥只在创建后显示一次。")
}
func (l Lang) Creating() string  { return l.pick("Creating…", "正在创建…") }
func (l Lang) ToCreate() string  { return l.pick("to create", "创建") }
func (l Lang) Summary() string   { return l.pick("Summary", "摘要") }
func (l Lang) Totals() string    { return l.pick("Totals", "合计") }
func (l Lang) Status() string    { return l.pick("Status", "状态") }
func (l Lang) Team() string      { return l.pick("Team", "团队") }
func (l Lang) Model() string     { return l.pick("Model", "模型") }
func (l Lang) Owner() string     { return l.pick("Owner", "所有者") }
func (l Lang) Tag() string       { return l.pick("Tag", "标签") }
func (l Lang) Tags() string      { return l.pick("Tags", "标签") }
func (l Lang) Budget() string    { return l.pick("Budget", "预算") }
func (l Lang) Spend() string     { return l.pick("Spend", "支出") }
func (l Lang) Expires() string   { return l.pick("Expires", "到期") }
func (l Lang) LastUsed() string  { return l.pick("Last used", "最近使用") }
func (l Lang) Personal() string  { return l.pick("Personal", "个人") }
func (l Lang) NameLabel() string { return l.pick("Name", "名称") }
func (l Lang) TeamAndOwner() string {
	return l.pick("Team and owner", "团队与所有者")
}
func (l Lang) SpendThisMonth() string { return l.pick("Spend this month", "本月支出") }
func (l Lang) SpendColumnHelp() string {
	return l.pick("A key with its own budget shows its budget period, the others the calendar month.", "有自有预算的密钥显示其预算周期内的支出，其余显示本自然月的支出。")
}
func (l Lang) FourteenDays() string { return l.pick("14 days", "14 天") }
func (l Lang) RequestsLast14Days() string {
	return l.pick("Requests, last 14 days", "最近 14 天的请求")
}
func (l Lang) Selection() string      { return l.pick("Selection", "选择") }
func (l Lang) ServiceAccount() string { return l.pick("Service account", "服务账户") }

func (l Lang) StateActive() string      { return l.pick("Active", "有效") }
func (l Lang) StateBlocked() string     { return l.pick("Blocked", "已停用") }
func (l Lang) StateExpired() string     { return l.pick("Expired", "已到期") }
func (l Lang) StateOverBudget() string  { return l.pick("Over budget", "超出预算") }
func (l Lang) StateExpiresSoon() string { return l.pick("Expires soon", "即将到期") }
func (l Lang) StateNearLimit() string   { return l.pick("Near limit", "接近上限") }
func (l Lang) StateRotating() string    { return l.pick("Rotating", "轮换中") }
func (l Lang) StateAttention() string   { return l.pick("Attention", "需关注") }

func (l Lang) Duplicate() string { return l.pick("Duplicate", "复制为新密钥") }
func (l Lang) Rotate() string    { return l.pick("Rotate", "轮换") }
func (l Lang) Block() string     { return l.pick("Block", "停用") }
func (l Lang) Unblock() string   { return l.pick("Unblock", "启用") }
func (l Lang) Delete() string    { return l.pick("Delete", "删除") }
func (l Lang) Extend() string    { return l.pick("Extend", "延期") }
func (l Lang) Working() string   { return l.pick("Working…", "正在处理…") }

func (l Lang) FilterKeys() string { return l.pick("Filter keys", "筛选密钥") }
func (l Lang) SearchKeys() string { return l.pick("Search keys", "搜索密钥") }
func (l Lang) SearchKeysHint() string {
	return l.pick("Name, last 4 characters, owner, tag", "名称、末 4 位、所有者、标签")
}
func (l Lang) TeamAll() string { return l.pick("Team: All", "团队：全部") }
func (l Lang) KeysCaption(sorted string) string {
	return l.fill("API keys, sorted by %s", "API 密钥，按%s排序", l.lowerFirst(sorted))
}

func (l Lang) NoKeysYet() string {
	return l.pick("No keys yet. A key lets an app call your models.", "还没有密钥。应用用密钥来调用模型。")
}
func (l Lang) NoKeysMatch() string { return l.pick("No keys match.", "没有匹配的密钥。") }
func (l Lang) NeverUsed() string   { return l.pick("never used", "从未使用") }
func (l Lang) NeverUsedShort() string {
	return l.pick("Never", "从未")
}
func (l Lang) UsedAt(when string) string { return l.fill("used %s", "%s使用", when) }

// WasDeleted stands where a key's row was that is gone since the list was drawn.
func (l Lang) WasDeleted() string { return l.pick("This key was deleted.", "此密钥已被删除。") }

func (l Lang) SelectAllMatching(n int64) string {
	return l.fill("Select all %s that match", "选择全部 %s 个匹配项", l.Number(n))
}

// Spend and limits in words.
func (l Lang) OfBudget(amount string) string { return l.fill("of %s", "/ %s", amount) }
func (l Lang) NoLimit() string               { return l.pick("no limit", "无上限") }
func (l Lang) NoLimitHint() string           { return l.pick("No limit", "无上限") }
func (l Lang) ThisMonth() string             { return l.pick("this month", "本月") }
func (l Lang) Resets(day string) string      { return l.fill("resets %s", "%s 重置", day) }
func (l Lang) BudgetUsed(percent int64) string {
	return l.fill("%s percent of budget used", "预算已用 %s%%", l.Number(percent))
}
func (l Lang) AllTeamModels() string { return l.pick("All team models", "团队全部模型") }
func (l Lang) AllModels() string     { return l.pick("All models", "全部模型") }
func (l Lang) AllMyModels() string {
	return l.pick("All models you may use", "您可用的全部模型")
}

func (l Lang) AllowAllTeamModels() string {
	return l.pick("Allow all team models", "允许团队全部模型")
}
func (l Lang) AllowAllModels() string { return l.pick("Allow all models", "允许全部模型") }
func (l Lang) ModelCount(n int64) string {
	return l.count(n, "%s model", "%s models", "%s 个模型")
}
func (l Lang) KeyCount(n int64) string { return l.count(n, "%s key", "%s keys", "%s 个密钥") }
func (l Lang) TeamNamed(name string) string {
	return l.fill("Team %s", "团队 %s", name)
}

func (l Lang) AmountPer(amount, period string) string {
	return l.fill("%s %s", "%[2]s %[1]s", amount, period)
}
func (l Lang) ExpiresOnDay(day string) string { return l.fill("Expires %s", "%s 到期", day) }
func (l Lang) NeverExpires() string           { return l.pick("Never expires", "永不到期") }
func (l Lang) PriceInOut(in, out string) string {
	return l.fill("%s in · %s out per 1M", "每百万词元 输入 %s · 输出 %s", in, out)
}
func (l Lang) PriceUnknown() string { return l.pick("price not known", "价格未知") }

// Figures over the list.
func (l Lang) OfTeamBudgets(amount string) string {
	return l.fill("of %s team budgets", "团队预算共 %s", amount)
}

func (l Lang) ProjectedBy(day string) string { return l.fill("Projected by %s", "预计至 %s", day) }

func (l Lang) AtThisPace() string { return l.pick("at the current pace", "按当前速度") }

func (l Lang) Requests24h() string { return l.pick("Requests, last 24 h", "最近 24 小时请求") }

func (l Lang) FailedShare(percent string) string {
	return l.fill("%s failed", "失败 %s", percent)
}

// What keys need attention for, counted.
func (l Lang) CountOverBudget(n int64) string {
	return l.fill("%s over budget", "%s 个超出预算", l.Number(n))
}

func (l Lang) CountNearLimit(n int64) string {
	return l.fill("%s near limit", "%s 个接近上限", l.Number(n))
}

func (l Lang) CountBlocked(n int64) string {
	return l.fill("%s blocked", "%s 个已停用", l.Number(n))
}

func (l Lang) CountExpired(n int64) string {
	return l.fill("%s expired", "%s 个已到期", l.Number(n))
}

func (l Lang) CountExpiring(n int64) string {
	return l.fill("%s expiring", "%s 个即将到期", l.Number(n))
}

func (l Lang) CountUnused(n int64) string { return l.fill("%s unused", "%s 个未使用", l.Number(n)) }

func (l Lang) NeedsAttention() string { return l.pick("Needs attention", "需要关注") }
func (l Lang) AttentionParts(near, expiring, blocked int64) string {
	return l.fill("%s near limit, %s expiring, %s blocked", "接近上限 %s，即将到期 %s，已停用 %s", l.Number(near), l.Number(expiring), l.Number(blocked))
}

// The form.
func (l Lang) KeyNameHelp() string {
	return l.pick("Use the app or place it runs in. You can rename it later.", "用应用或运行环境命名，之后可以修改。")
}
func (l Lang) OwnerMe() string      { return l.pick("Me", "我") }
func (l Lang) OwnerTeam() string    { return l.pick("Team", "团队") }
func (l Lang) OwnerService() string { return l.pick("Service", "服务账户") }
func (l Lang) AddModel() string     { return l.pick("Add a model", "添加模型") }
func (l Lang) NoModelsHere() string {
	return l.pick("No models here. Ask an admin for access.", "这里没有可用的模型。请向管理员申请。")
}
func (l Lang) InDays(n int64) string { return l.count(n, "In %s day", "In %s days", "%s 天后") }
func (l Lang) OnADate() string       { return l.pick("On a date…", "指定日期…") }
func (l Lang) ExpiresOn() string     { return l.pick("Expires on", "到期日") }
func (l Lang) MoreKeyOptions() string {
	return l.pick("Rate limits, tags and metadata", "速率限制、标签和元数据")
}
func (l Lang) RequestsPerMin() string { return l.pick("Requests per minute", "每分钟请求数") }
func (l Lang) TokensPerMin() string   { return l.pick("Tokens per minute", "每分钟词元数") }
func (l Lang) Parallel() string       { return l.pick("Parallel requests", "并发请求数") }
func (l Lang) PerModelLimits() string { return l.pick("Limits per model", "按模型限制") }
func (l Lang) Aliases() string        { return l.pick("Model aliases", "模型别名") }
func (l Lang) Metadata() string       { return l.pick("Metadata", "元数据") }
func (l Lang) AllowedRoutes() string  { return l.pick("Allowed routes", "允许的路由") }
func (l Lang) PerModelHelp() string {
	return l.pick("One model a line: name, requests a minute, tokens a minute. Example: gpt-5-mini 60 100000", "每行一个模型：名称、每分钟请求数、每分钟词元数。例：gpt-5-mini 60 100000")
}

func (l Lang) TagsHelp() string {
	return l.pick("Separate tags with commas.", "多个标签用逗号分隔。")
}

func (l Lang) AliasesHelp() string {
	return l.pick("One alias a line: name = model.", "每行一个别名：名称 = 模型。")
}

func (l Lang) MetadataHelp() string {
	return l.pick("A JSON object of up to 16 KB, kept with the key.", "随密钥保存的 JSON 对象，最大 16 KB。")
}

func (l Lang) AllowedRoutesHelp() string {
	return l.pick("One route a line. Leave it empty to allow every route.", "每行一个路由，留空表示允许全部。")
}

func (l Lang) UpToByAdmin(amount string) string {
	return l.fill("Up to %s, set by your admin.", "最多 %s，由管理员设定。", amount)
}

func (l Lang) UpToDaysByAdmin(days int64) string {
	return l.fill("At most %s, set by your admin.", "最长 %s，由管理员设定。", l.Days(days))
}

func (l Lang) PersonalKeysOff() string {
	return l.pick("Personal keys are turned off by your admin.", "管理员已关闭个人密钥。")
}

func (l Lang) TeamKeysOff(team string) string {
	return l.fill("Members of %s may not create keys.", "%s 的成员不能创建密钥。", team)
}

func (l Lang) OnlyAdminsChange() string {
	return l.pick("Only admins can change this.", "只有管理员可以修改。")
}

// What is wrong with a field.
func (l Lang) ErrNameMissing() string { return l.pick("Give the key a name.", "请为密钥命名。") }

func (l Lang) ErrNameLong() string {
	return l.pick("Use at most 80 characters.", "最多 80 个字符。")
}

// ErrNameForm is for gateways that hold key names to a fixed form.
func (l Lang) ErrNameForm() string {
	return l.pick("Use 2 to 255 letters, digits and _ - / . @, with a letter or digit at both ends.", "请使用 2 到 255 个字母、数字和 _ - / . @，首尾须为字母或数字。")
}

// ErrRequired is for a field that the operator made required.
func (l Lang) ErrRequired() string {
	return l.pick("Your admin requires this.", "管理员要求填写此项。")
}

func (l Lang) ErrRoleNoKeys() string {
	return l.pick("Your role may not create keys.", "您的角色不能创建密钥。")
}

func (l Lang) OnlyTeamAdmins() string {
	return l.pick("Only the admins of this team may create keys in it.", "只有此团队的管理员可以在其中创建密钥。")
}

func (l Lang) ErrNameTaken(name string) string {
	return l.fill("'%s' is taken by another key.", "“%s”已被另一个密钥使用。", name)
}

func (l Lang) ErrNameTakenBy(name, owner string) string {
	return l.fill("'%s' is taken by a key of %s.", "“%s”已被 %s 的密钥使用。", name, owner)
}

func (l Lang) ErrTeamForbidden(team, admins string) string {
	return l.fill("You can't create keys in %s. Ask %s.", "您不能在 %s 中创建密钥，请联系 %s。", team, admins)
}
func (l Lang) ErrTeamMissing() string { return l.pick("Choose a team.", "请选择团队。") }
func (l Lang) ErrModelNotInTeam(model, team string) string {
	return l.fill("%s is not in %s's list.", "%s 不在 %s 的列表中。", model, team)
}

func (l Lang) ErrModelNotAllowed(model string) string {
	return l.fill("You may not use %s.", "您不能使用 %s。", model)
}

func (l Lang) ErrAmount() string {
	return l.pick("Enter an amount like 25 or 0.50.", "请输入金额，例如 25 或 0.50。")
}

func (l Lang) ErrAmountTooHigh(most string) string {
	return l.fill("The most your admin allows is %s.", "管理员允许的上限是 %s。", most)
}

func (l Lang) ErrPast() string {
	return l.pick("Pick a time in the future.", "请选择将来的时间。")
}
func (l Lang) ErrDate() string { return l.pick("Pick a date.", "请选择日期。") }
func (l Lang) ErrTooLong(days int64) string {
	return l.fill("Keys may live for %s at most.", "密钥最长有效期为 %s。", l.Days(days))
}

func (l Lang) ErrWholeNumber() string {
	return l.pick("Enter a whole number, or leave it empty for no limit.", "请输入整数，留空表示无上限。")
}

func (l Lang) ErrJSONLine(line int64, problem string) string {
	return l.fill("Line %s: %s", "第 %s 行：%s", l.Number(line), problem)
}
func (l Lang) JSONCommaMissing() string { return l.pick("a comma is missing.", "缺少逗号。") }
func (l Lang) JSONEndsEarly() string    { return l.pick("the text ends too early.", "内容不完整。") }

func (l Lang) JSONUnexpected(what string) string {
	return l.fill("%s does not belong here.", "此处不应出现 %s。", what)
}

func (l Lang) ErrJSONObject() string {
	return l.pick("Enter a JSON object, such as {\"app\": \"ci\"}.", "请输入 JSON 对象，例如 {\"app\": \"ci\"}。")
}
func (l Lang) ErrJSONSize() string { return l.pick("Use at most 16 KB.", "最大 16 KB。") }
func (l Lang) ErrLineForm(line int64, form string) string {
	return l.fill("Line %s: write it as %s.", "第 %s 行：请写成 %s。", l.Number(line), form)
}

func (l Lang) ErrChoice() string {
	return l.pick("Choose one of the list.", "请从列表中选择。")
}

func (l Lang) ErrConfirmName(name string) string {
	return l.fill("Type %s to delete it.", "请输入 %s 以确认删除。", name)
}

// The copy-once view.
func (l Lang) CopyYourKey() string { return l.pick("Copy your key now", "现在复制您的密钥") }

func (l Lang) CopyOnceText() string {
	return l.pick("This is the only time the full key is shown. We store a hash of it, so nobody can look it up later. If you lose it, rotate the key.", "完整密钥只显示这一次。我们只保存它的哈希值，之后谁也查不到。如果丢失，请轮换密钥。")
}
func (l Lang) CopyKey() string { return l.pick("Copy key", "复制密钥") }
func (l Lang) ShowKey() string { return l.pick("Show key", "显示密钥") }
func (l Lang) CopyByHand() string {
	return l.pick("Select the key and copy it by hand.", "请选中密钥并手动复制。")
}
func (l Lang) ExampleRequest() string   { return l.pick("Example request", "请求示例") }
func (l Lang) TestInPlayground() string { return l.pick("Test in playground", "在试验场中测试") }
func (l Lang) DownloadEnv() string      { return l.pick("Download .env", "下载 .env") }
func (l Lang) SavedMyKey() string       { return l.pick("I saved my key", "我已保存密钥") }
func (l Lang) BudgetLowered(to string) string {
	return l.fill("Budget was lowered to %s, the most your admin allows.", "预算已降至 %s，这是管理员允许的上限。", to)
}

func (l Lang) ExpiryShortened(to string) string {
	return l.fill("Expiry was moved to %s, the latest your admin allows.", "到期时间已提前到 %s，这是管理员允许的最晚时间。", to)
}

func (l Lang) LimitLowered(field, to string) string {
	return l.fill("%s was lowered to %s, the most your admin allows.", "%s已降至 %s，这是管理员允许的上限。", field, to)
}

func (l Lang) OldKeyWorksUntil(when string) string {
	return l.fill("The old key keeps working until %s.", "旧密钥在 %s 之前仍然有效。", when)
}

func (l Lang) OldKeyStopped() string {
	return l.pick("The old key has stopped working.", "旧密钥已失效。")
}
func (l Lang) AlreadyShownTitle() string { return l.pick("Key already created", "密钥已创建") }
func (l Lang) AlreadyShown() string {
	return l.pick("This key was already shown. Rotate it if you lost it.", "这个密钥已经显示过。如果丢失，请轮换它。")
}

// Rotate, block, delete.
func (l Lang) RotateTitle(name string) string { return l.fill("Rotate %s?", "轮换 %s？", name) }

func (l Lang) RotateLead() string {
	return l.pick("You get a new secret. Limits, spend and history stay.", "您会得到新的密钥内容，限额、支出和历史保持不变。")
}
func (l Lang) RotateKey() string { return l.pick("Rotate key", "轮换密钥") }
func (l Lang) Rotating() string  { return l.pick("Rotating…", "正在轮换…") }
func (l Lang) OldKeyWorksFor() string {
	return l.pick("Old key keeps working for", "旧密钥继续有效")
}

func (l Lang) OldKeyHelp() string {
	return l.pick("Time to put the new key in place.", "这段时间用来换上新密钥。")
}

func (l Lang) GraceNow() string              { return l.pick("No time, it stops now", "不保留，立即失效") }
func (l Lang) BlockTitle(name string) string { return l.fill("Block %s?", "停用 %s？", name) }
func (l Lang) BlockLead() string {
	return l.pick("Calls with this key are refused at once. You can unblock it later.", "使用此密钥的调用会立即被拒绝，之后可以重新启用。")
}
func (l Lang) BlockKey() string   { return l.pick("Block key", "停用密钥") }
func (l Lang) Blocking() string   { return l.pick("Blocking…", "正在停用…") }
func (l Lang) Reason() string     { return l.pick("Reason", "原因") }
func (l Lang) ReasonHelp() string { return l.pick("The owner sees it.", "所有者会看到。") }
func (l Lang) DeleteTitle(name string) string {
	return l.fill("Delete %s?", "删除 %s？", name)
}

func (l Lang) DeleteLead() string {
	return l.pick("Calls with this key are refused at once. This cannot be undone; its past spend stays in the reports.", "使用此密钥的调用会立即被拒绝，且无法撤销；以往支出仍保留在报表中。")
}
func (l Lang) DeleteKey() string { return l.pick("Delete key", "删除密钥") }
func (l Lang) Deleting() string  { return l.pick("Deleting…", "正在删除…") }
func (l Lang) UsedTimes24h(n int64) string {
	return l.count(n, "Used %s time in the last 24 hours.", "Used %s times in the last 24 hours.", "最近 24 小时使用了 %s 次。")
}

func (l Lang) NotUsedFor(days int64) string {
	return l.fill("Not used for %s.", "已有 %s未使用。", l.Days(days))
}

func (l Lang) UsedLast(when string) string {
	return l.fill("Last used %s.", "上次使用：%s。", when)
}
func (l Lang) NotUsedYet() string { return l.pick("It was never used.", "从未使用过。") }
func (l Lang) TypeToConfirm(name string) string {
	return l.fill("Type %s to confirm", "输入 %s 以确认", name)
}

func (l Lang) ToastBlocked(name string) string {
	return l.fill("%s is blocked.", "%s 已停用。", name)
}

func (l Lang) ToastUnblocked(name string) string {
	return l.fill("%s works again.", "%s 已重新启用。", name)
}

func (l Lang) ToastDeleted(name string) string {
	return l.fill("%s is deleted.", "%s 已删除。", name)
}
func (l Lang) ToastSaved() string { return l.pick("Changes saved.", "更改已保存。") }
func (l Lang) KeyGone() string {
	return l.pick("This key does not exist, or you may not see it.", "此密钥不存在，或您无权查看。")
}

func (l Lang) KeyNotFoundBySecret() string {
	return l.pick("No key that you may see has this secret.", "没有您可查看的密钥与之匹配。")
}

func (l Lang) BlockedBy(who, day string) string {
	return l.fill("Blocked by %s, %s.", "由 %s 于 %s 停用。", who, day)
}

func (l Lang) BlockedBecause(who, day, reason string) string {
	return l.fill("Blocked by %s, %s: %s", "由 %s 于 %s 停用：%s", who, day, reason)
}

// Bulk actions.
func (l Lang) BulkBlockTitle(n int64) string {
	return l.count(n, "Block %s key?", "Block %s keys?", "停用 %s 个密钥？")
}

func (l Lang) BulkDeleteTitle(n int64) string {
	return l.count(n, "Delete %s key?", "Delete %s keys?", "删除 %s 个密钥？")
}

func (l Lang) BulkExtendTitle(n int64) string {
	return l.count(n, "Extend %s key?", "Extend %s keys?", "为 %s 个密钥延期？")
}

func (l Lang) BulkDone(done, all int64) string {
	return l.fill("%s of %s keys done", "%[2]s 个密钥中已完成 %[1]s 个", l.Number(done), l.Number(all))
}
func (l Lang) ExtendBy() string { return l.pick("New expiry", "新的到期时间") }
func (l Lang) NotDone() string  { return l.pick("Keys left unchanged", "未更改的密钥") }

// A key's own page.
func (l Lang) KeyViews() string { return l.pick("Key views", "密钥视图") }
func (l Lang) KeyID() string    { return l.pick("Key ID", "密钥 ID") }
func (l Lang) Activity() string { return l.pick("Activity", "操作记录") }
func (l Lang) Limits() string   { return l.pick("Limits", "限制") }
func (l Lang) AboutKey() string { return l.pick("About this key", "关于此密钥") }
func (l Lang) LastRequests() string {
	return l.pick("Last requests", "最近的请求")
}
func (l Lang) NoRequestsYet() string { return l.pick("No requests yet.", "还没有请求。") }
func (l Lang) NoActivity() string {
	return l.pick("Nothing has been changed yet.", "还没有任何更改。")
}
func (l Lang) CheckAccess() string { return l.pick("Check access", "检查访问权限") }
func (l Lang) CheckAccessLead() string {
	return l.pick("Pick a model to see whether this key may call it, and what decides.", "选择一个模型，查看此密钥能否调用以及由什么决定。")
}
func (l Lang) Check() string { return l.pick("Check", "检查") }
func (l Lang) MayCall(model string) string {
	return l.fill("This key may call %s.", "此密钥可以调用 %s。", model)
}

func (l Lang) MayNotCall(model, list string) string {
	return l.fill("This key may not call %s. %s does not hold it.", "此密钥不能调用 %s。%s中没有它。", model, list)
}

func (l Lang) KeyModelList() string { return l.pick("The key's model list", "密钥的模型列表") }

func (l Lang) TeamModelList(team string) string {
	return l.fill("The model list of team %s", "团队 %s 的模型列表", team)
}

func (l Lang) UserModelList() string {
	return l.pick("Your own model list", "您自己的模型列表")
}
func (l Lang) SetByKey() string { return l.pick("set on this key", "由此密钥设定") }
func (l Lang) SetByTeam(team string) string {
	return l.fill("set by team %s", "由团队 %s 设定", team)
}
func (l Lang) SetByUser() string   { return l.pick("set on the owner", "由所有者账户设定") }
func (l Lang) SetByConfig() string { return l.pick("set by your admin", "由管理员设定") }
func (l Lang) CreatedBy() string   { return l.pick("Created", "创建") }
func (l Lang) ChangedBy() string   { return l.pick("Last changed", "最近更改") }
func (l Lang) ByWhom(when, who string) string {
	return l.fill("%s by %s", "%s，%s", when, who)
}
func (l Lang) Range() string       { return l.pick("Range", "时间范围") }
func (l Lang) OpenInUsage() string { return l.pick("Open in Usage", "在用量中打开") }
func (l Lang) TopModels() string   { return l.pick("Models", "模型") }
func (l Lang) NoUsage() string {
	return l.pick("No usage in this range.", "此时间范围内没有用量。")
}
