package i18n

// Words of the pages about models, logs, the API, the audit log, budgets, the playground and settings.

func (l Lang) ModelsLead() string {
	return l.pick("The models you may call, what they cost and why you may.", "您可调用的模型、价格，以及权限来源。")
}
func (l Lang) AddModelButton() string { return l.pick("Add model", "添加模型") }
func (l Lang) AddModelLead() string {
	return l.pick("A public name can stand for one model at several providers.", "一个公开名称可以对应多个供应商的模型。")
}
func (l Lang) ChangeDeployment() string { return l.pick("Change deployment", "修改部署") }
func (l Lang) SearchModels() string     { return l.pick("Search models", "搜索模型") }
func (l Lang) SearchModelsHint() string { return l.pick("Name or provider", "名称或供应商") }
func (l Lang) NoModelsMatch() string    { return l.pick("No models match.", "没有匹配的模型。") }

func (l Lang) NoModelsYet() string {
	return l.pick("No models yet. An admin adds them here or in config.yaml.", "还没有模型。管理员可在此处或 config.yaml 中添加。")
}
func (l Lang) Provider() string    { return l.pick("Provider", "供应商") }
func (l Lang) ProviderAll() string { return l.pick("Provider: All", "供应商：全部") }
func (l Lang) Ability() string     { return l.pick("Ability", "能力") }
func (l Lang) AbilityAll() string  { return l.pick("Ability: All", "能力：全部") }
func (l Lang) Abilities() string   { return l.pick("Abilities", "能力") }
func (l Lang) Context() string     { return l.pick("Context", "上下文") }
func (l Lang) PriceIn() string     { return l.pick("In, per 1M", "输入 / 百万") }
func (l Lang) PriceOut() string    { return l.pick("Out, per 1M", "输出 / 百万") }
func (l Lang) PriceInLong() string {
	return l.pick("Price in, per 1M tokens", "输入价格（每百万词元）")
}

func (l Lang) PriceOutLong() string {
	return l.pick("Price out, per 1M tokens", "输出价格（每百万词元）")
}
func (l Lang) FromPriceList() string { return l.pick("From the price list", "取自价格表") }
func (l Lang) Access() string        { return l.pick("Access", "访问权限") }
func (l Lang) Health() string        { return l.pick("Health", "健康状态") }
func (l Lang) Healthy() string       { return l.pick("Healthy", "正常") }
func (l Lang) Unhealthy() string     { return l.pick("Failing", "异常") }
func (l Lang) CoolingDown() string   { return l.pick("Cooling down", "冷却中") }
func (l Lang) CoolsFor(span string) string {
	return l.fill("Left alone for another %s after failures", "失败后暂停调用，还需 %s", span)
}

func (l Lang) AccessViaTeam(names string) string {
	return l.fill("via team %s", "通过团队 %s", names)
}
func (l Lang) AccessEveryKey() string { return l.pick("every key", "所有密钥") }
func (l Lang) AccessYourList() string { return l.pick("your own list", "您自己的列表") }
func (l Lang) AccessAsAdmin() string  { return l.pick("as admin", "作为管理员") }
func (l Lang) AbilityVision() string  { return l.pick("Vision", "视觉") }
func (l Lang) AbilityTools() string   { return l.pick("Tools", "工具调用") }
func (l Lang) AbilityJSON() string    { return l.pick("JSON", "JSON") }
func (l Lang) AbilityReason() string  { return l.pick("Reasoning", "推理") }
func (l Lang) AbilityCaching() string { return l.pick("Prompt cache", "提示缓存") }
func (l Lang) AbilityAudio() string   { return l.pick("Audio", "音频") }
func (l Lang) ModeChat() string       { return l.pick("Chat", "对话") }
func (l Lang) ModeEmbedding() string  { return l.pick("Embeddings", "向量") }
func (l Lang) ModeImage() string      { return l.pick("Images", "图像") }
func (l Lang) AboutModel() string     { return l.pick("About this model", "关于此模型") }
func (l Lang) AccessGroups() string   { return l.pick("Access groups", "访问组") }
func (l Lang) AccessGroupsHelp() string {
	return l.pick("Separate groups with commas. A key or team can name a group instead of models.", "用逗号分隔。密钥或团队可以用访问组代替模型名。")
}
func (l Lang) Deployments() string { return l.pick("Deployments", "部署") }
func (l Lang) ConfigReadOnly() string {
	return l.pick("config.yaml, read only", "config.yaml，只读")
}
func (l Lang) StoredHere() string     { return l.pick("added here", "在此添加") }
func (l Lang) OpenPlayground() string { return l.pick("Open in playground", "在试验场中打开") }
func (l Lang) PublicName() string     { return l.pick("Public name", "公开名称") }
func (l Lang) PublicNameHelp() string {
	return l.pick("What callers put as model.", "调用方填写的模型名。")
}
func (l Lang) ProviderModel() string { return l.pick("Provider and model", "供应商与模型") }
func (l Lang) ProviderModelHelp() string {
	return l.pick("As provider/model, for example openai/gpt-5-mini.", "写成 供应商/模型，例如 openai/gpt-5-mini。")
}
func (l Lang) ProviderAddress() string { return l.pick("Provider address", "供应商地址") }
func (l Lang) ProviderKey() string     { return l.pick("Provider key", "供应商密钥") }
func (l Lang) SecretSet(tail string) string {
	return l.fill("Set, ends in %s. Leave it empty to keep it.", "已设置，末尾为 %s。留空则保持不变。", tail)
}
func (l Lang) SecretNotSet() string { return l.pick("Not set.", "未设置。") }
func (l Lang) ModelGone() string {
	return l.pick("This model does not exist, or you may not call it.", "此模型不存在，或您无权调用。")
}
func (l Lang) DeleteDeployment() string { return l.pick("Delete deployment", "删除部署") }
func (l Lang) DeleteDeploymentText() string {
	return l.pick("Calls to it go to the model's other deployments, or fail if there is none.", "调用会转到该模型的其他部署；如果没有，则会失败。")
}

func (l Lang) LogsLead() string {
	return l.pick("Every request you may see, newest first.", "您可查看的每个请求，最新的在前。")
}
func (l Lang) FilterLogs() string  { return l.pick("Filter logs", "筛选日志") }
func (l Lang) TimeHead() string    { return l.pick("Time", "时间") }
func (l Lang) Cost() string        { return l.pick("Cost", "费用") }
func (l Lang) Latency() string     { return l.pick("Latency", "耗时") }
func (l Lang) Cache() string       { return l.pick("Cache", "缓存") }
func (l Lang) CacheHit() string    { return l.pick("Hit", "命中") }
func (l Lang) NoLogsMatch() string { return l.pick("No requests match.", "没有匹配的请求。") }

func (l Lang) NoLogsYet() string {
	return l.pick("No requests in this range.", "此时间范围内没有请求。")
}

func (l Lang) LastHours(n int64) string {
	return l.count(n, "Last %s hour", "Last %s hours", "最近 %s 小时")
}
func (l Lang) StatusOK() string     { return l.pick("Succeeded", "成功") }
func (l Lang) StatusFailed() string { return l.pick("Failed", "失败") }
func (l Lang) ModelAll() string     { return l.pick("Model: All", "模型：全部") }
func (l Lang) RequestCount(n int64) string {
	return l.count(n, "%s request", "%s requests", "%s 个请求")
}

func (l Lang) NewRequests(n int64) string {
	return l.count(n, "%s new request", "%s new requests", "%s 个新请求")
}

// Words of the live tail.
func (l Lang) LiveTail() string   { return l.pick("Live", "实时") }
func (l Lang) LiveStarts() string { return l.pick("Connecting…", "正在连接…") }
func (l Lang) LiveOn() string {
	return l.pick("Live: new requests appear by themselves", "实时：新请求会自动出现")
}

func (l Lang) LivePaused() string {
	return l.pick("Paused while you point at the list", "指针在列表上时暂停")
}

func (l Lang) LiveAgain() string {
	return l.pick("Connection lost, trying again", "连接中断，正在重试")
}

func (l Lang) LiveOff() string {
	return l.pick("Live has ended. Reload to go on", "实时已结束，请重新加载")
}

func (l Lang) LiveWaits() string {
	return l.pick("Waiting for the next request.", "正在等待下一个请求。")
}
func (l Lang) RequestTitle() string { return l.pick("Request", "请求") }
func (l Lang) Timeline() string     { return l.pick("Timeline", "时间线") }
func (l Lang) StepQueue() string    { return l.pick("Queue", "排队") }
func (l Lang) StepFirstToken() string {
	return l.pick("First token", "首个词元")
}
func (l Lang) StepEnd() string { return l.pick("End", "结束") }
func (l Lang) StepRetry(on string) string {
	return l.fill("Retry on %s", "在 %s 上重试", on)
}
func (l Lang) RequestBody() string { return l.pick("Request body", "请求正文") }
func (l Lang) AnswerBody() string  { return l.pick("Answer", "回答") }
func (l Lang) HeadersKept() string { return l.pick("Headers kept", "保留的请求头") }
func (l Lang) ShowBodies() string  { return l.pick("Show request and answer", "显示请求与回答") }

func (l Lang) AsCurl() string { return l.pick("As curl, without the key", "curl（不含密钥）") }

func (l Lang) NoBodyOff() string {
	return l.pick("Request and answer were not kept: storage is off.", "未保留请求与回答：存储已关闭。")
}

func (l Lang) NoBodyOptOut() string {
	return l.pick("Request and answer were not kept: the caller opted out.", "未保留请求与回答：调用方选择不保留。")
}

func (l Lang) BodyCut(size string) string {
	return l.fill("Of a request or an answer over %s only the beginning was kept.", "请求或回答超过 %s，只保留了开头部分。", size)
}

func (l Lang) NoBodyDeleted(days int64) string {
	return l.fill("Request and answer were deleted after %s.", "请求与回答已在 %s后删除。", l.Days(days))
}

func (l Lang) NoBodyFailed() string {
	return l.pick("There is no answer: the request failed before one.", "没有回答：请求在此之前失败。")
}

func (l Lang) NoBodyUnknown() string {
	return l.pick("Why request and answer are missing is not known.", "缺少请求与回答的原因未知。")
}

func (l Lang) LogsOff() string {
	return l.pick("Request logs are turned off in config.yaml.", "config.yaml 中已关闭请求日志。")
}

func (l Lang) LogGone() string {
	return l.pick("This request does not exist, or you may not see it.", "此请求不存在，或您无权查看。")
}

func (l Lang) APILead() string {
	return l.pick("Put the base URL and a key into any OpenAI client.", "把基础 URL 和密钥填入任意 OpenAI 客户端即可。")
}

func (l Lang) BaseURLHelp() string {
	return l.pick("Clients add /chat/completions and so on.", "客户端会自行加上 /chat/completions 等路径。")
}

func (l Lang) SecretNotKnown() string {
	return l.pick("We keep only a hash of your key, so the examples read it from GATEHOUSE_API_KEY.", "我们只保存密钥的哈希值，因此示例从 GATEHOUSE_API_KEY 读取密钥。")
}
func (l Lang) OpenAPIDocument() string { return l.pick("OpenAPI document", "OpenAPI 文档") }
func (l Lang) ErrorsTitle() string     { return l.pick("Errors", "错误") }
func (l Lang) ErrorsLead() string {
	return l.pick("What a refusal means and what to do.", "拒绝的含义和处理办法。")
}
func (l Lang) Endpoints() string { return l.pick("Endpoints", "接口") }
func (l Lang) Method() string    { return l.pick("Method", "方法") }
func (l Lang) Path() string      { return l.pick("Path", "路径") }
func (l Lang) Purpose() string   { return l.pick("Purpose", "用途") }
func (l Lang) RefChat() string   { return l.pick("Chat with a model", "与模型对话") }
func (l Lang) RefResponses() string {
	return l.pick("OpenAI's Responses", "OpenAI Responses 接口")
}

func (l Lang) RefMessages() string {
	return l.pick("Anthropic's Messages", "Anthropic Messages 接口")
}

func (l Lang) RefEmbeddings() string {
	return l.pick("Turn text into vectors", "把文本转换为向量")
}

func (l Lang) RefModels() string {
	return l.pick("Models your key may call", "密钥可调用的模型")
}
func (l Lang) RefImages() string { return l.pick("Make images", "生成图像") }
func (l Lang) RefAudio() string  { return l.pick("Speech to text", "语音转文字") }
func (l Lang) RefErr401() string {
	return l.pick("The key is unknown, blocked or expired. Check it under API keys.", "密钥未知、已停用或已到期。请在 API 密钥中检查。")
}

func (l Lang) RefErr403() string {
	return l.pick("The key, its team or its owner may not use this model.", "密钥、团队或所有者不能使用此模型。")
}

func (l Lang) RefErr404() string {
	return l.pick("There is no model of this name here.", "这里没有此名称的模型。")
}

func (l Lang) RefErr429Budget() string {
	return l.pick("A budget is used up: the key's, the team's or the owner's.", "密钥、团队或所有者的预算已用完。")
}

func (l Lang) RefErr429Rate() string {
	return l.pick("Too many requests or tokens a minute. Wait as retry-after says.", "每分钟请求或词元过多。请按 retry-after 等待。")
}

func (l Lang) RefErr503() string {
	return l.pick("The provider or the gateway is not available. Try again.", "供应商或网关不可用，请重试。")
}

func (l Lang) AuditLead() string {
	return l.pick("Who changed what, and from where.", "谁在何处更改了什么。")
}
func (l Lang) FilterAudit() string { return l.pick("Filter the audit log", "筛选审计日志") }
func (l Lang) SearchAudit() string { return l.pick("Search the audit log", "搜索审计日志") }
func (l Lang) SearchAuditHint() string {
	return l.pick("Name, ID or IP address", "名称、ID 或 IP 地址")
}

func (l Lang) NoAuditMatch() string { return l.pick("No entries match.", "没有匹配的记录。") }
func (l Lang) Actor() string        { return l.pick("Actor", "操作者") }
func (l Lang) ActorAll() string     { return l.pick("Actor: All", "操作者：全部") }
func (l Lang) Action() string       { return l.pick("Action", "操作") }
func (l Lang) ActionAll() string    { return l.pick("Action: All", "操作：全部") }
func (l Lang) Target() string       { return l.pick("Target", "对象") }
func (l Lang) TimeAll() string      { return l.pick("Time: All", "时间：全部") }
func (l Lang) TargetAll() string    { return l.pick("Target: All", "对象：全部") }
func (l Lang) IPAddress() string    { return l.pick("IP address", "IP 地址") }
func (l Lang) Changes() string      { return l.pick("Changes", "变更") }
func (l Lang) AuditSentence(actor, action, target string) string {
	return l.fill("%s %s %s", "%s %s %s", actor, action, target)
}
func (l Lang) DidCreate() string  { return l.pick("created", "创建了") }
func (l Lang) DidUpdate() string  { return l.pick("changed", "修改了") }
func (l Lang) DidDelete() string  { return l.pick("deleted", "删除了") }
func (l Lang) DidBlock() string   { return l.pick("blocked", "停用了") }
func (l Lang) DidUnblock() string { return l.pick("unblocked", "启用了") }
func (l Lang) DidRotate() string  { return l.pick("rotated", "轮换了") }
func (l Lang) DidSignIn() string  { return l.pick("signed in", "登录了") }
func (l Lang) DidSignOut() string { return l.pick("signed out", "退出了登录") }
func (l Lang) DidAccept() string  { return l.pick("accepted", "接受了") }
func (l Lang) DidResetPassword() string {
	return l.pick("set a new password for", "设置了新密码")
}

func (l Lang) DidFactorOn() string {
	return l.pick("turned on the second factor of", "开启了双重验证")
}

func (l Lang) DidFactorSetup() string {
	return l.pick("began to set up the second factor of", "开始设置双重验证")
}
func (l Lang) DidExport() string { return l.pick("exported", "导出了") }
func (l Lang) DidFactorOff() string {
	return l.pick("turned off the second factor of", "关闭了双重验证")
}

func (l Lang) DidRecover() string { return l.pick("used a recovery code of", "使用了恢复代码") }

func (l Lang) DidRelease() string {
	return l.pick("released the held budget of", "释放了占用的预算")
}
func (l Lang) DidResetAll() string  { return l.pick("reset", "重置了") }
func (l Lang) Organization() string { return l.pick("Organization", "组织") }
func (l Lang) AccessGroup() string  { return l.pick("Access group", "访问组") }
func (l Lang) DidInvite() string    { return l.pick("invited", "邀请了") }

func (l Lang) BudgetsLead() string {
	return l.pick("Limits that several keys, members or customers share by name.", "多个密钥、成员或客户按名称共用的限额。")
}

func (l Lang) BudgetLead() string {
	return l.pick("Each one that uses it has this limit for itself.", "每个使用者各自适用此限额。")
}
func (l Lang) CreateBudget() string { return l.pick("Create budget", "创建预算") }
func (l Lang) ChangeBudget(name string) string {
	return l.fill("Change %s", "修改 %s", name)
}

func (l Lang) NoBudgetsYet() string {
	return l.pick("No budgets yet. Keys can have their own limits without one.", "还没有预算。密钥也可以直接设置自己的限额。")
}
func (l Lang) NextReset() string  { return l.pick("Next reset", "下次重置") }
func (l Lang) UsedBy() string     { return l.pick("Used by", "使用者") }
func (l Lang) SoftBudget() string { return l.pick("Warn at", "提醒金额") }
func (l Lang) SoftBudgetHelp() string {
	return l.pick("Sends a mail, refuses nothing.", "只发送邮件，不拒绝调用。")
}

func (l Lang) WarnsAt(amount string) string {
	return l.fill("warns at %s", "达到 %s 时提醒", amount)
}

func (l Lang) DeleteBudgetTitle(name string) string {
	return l.fill("Delete %s?", "删除 %s？", name)
}
func (l Lang) DeleteBudget() string { return l.pick("Delete budget", "删除预算") }
func (l Lang) DeleteBudgetText() string {
	return l.pick("Nothing uses it. This cannot be undone.", "没有使用者。此操作无法撤销。")
}

func (l Lang) ErrBudgetTaken(name string) string {
	return l.fill("'%s' is taken by another budget.", "“%s”已被另一个预算使用。", name)
}

func (l Lang) BudgetInUse(who string) string {
	return l.fill("This budget is in use by %s. Give them another one first.", "此预算正被 %s 使用，请先为其更换。", who)
}

func (l Lang) PlaygroundLead() string {
	return l.pick("Try a model with your own limits.", "在您自己的限额内试用模型。")
}
func (l Lang) ViewCode() string    { return l.pick("View code", "查看代码") }
func (l Lang) Messages() string    { return l.pick("Messages", "消息") }
func (l Lang) Message() string     { return l.pick("Message", "消息") }
func (l Lang) MessageHint() string { return l.pick("Ask something", "输入问题") }
func (l Lang) PlaygroundStart() string {
	return l.pick("Ask a model something to see how it answers.", "向模型提个问题，看看它如何回答。")
}

func (l Lang) PlaygroundEmpty() string {
	return l.pick("Nothing here is kept after you leave.", "离开后不会保留任何内容。")
}
func (l Lang) Send() string           { return l.pick("Send", "发送") }
func (l Lang) Stop() string           { return l.pick("Stop", "停止") }
func (l Lang) Stopped() string        { return l.pick("Stopped", "已停止") }
func (l Lang) AnswerComplete() string { return l.pick("Answer complete", "回答完成") }
func (l Lang) You() string            { return l.pick("You", "您") }
func (l Lang) Assistant() string      { return l.pick("Model", "模型") }
func (l Lang) SystemPrompt() string   { return l.pick("System prompt", "系统提示") }
func (l Lang) Temperature() string    { return l.pick("Temperature", "温度") }
func (l Lang) MaxTokens() string      { return l.pick("Max tokens", "最大词元数") }

// PlayMeta has {tokens}, {cost} and {first} where the script puts figures.
func (l Lang) PlayMeta() string {
	return l.pick("{tokens} tokens · {cost} · first token after {first} ms", "{tokens} 词元 · {cost} · 首个词元 {first} 毫秒")
}

func (l Lang) ChargedToSession(amount string) string {
	return l.fill("Calls here are charged to your session, up to %s.", "这里的调用计入您的会话，最多 %s。", amount)
}

func (l Lang) PlaygroundOff() string {
	return l.pick("Your admin turned the playground off.", "管理员已关闭试验场。")
}

func (l Lang) SettingsLead() string {
	return l.pick("How this gateway is set up, and what sets each value.", "网关的设置，以及每个值的来源。")
}
func (l Lang) SettingsSections() string { return l.pick("Sections", "分区") }
func (l Lang) SectionGeneral() string   { return l.pick("General", "常规") }
func (l Lang) SectionSignIn() string    { return l.pick("Sign-in", "登录") }
func (l Lang) SectionMail() string      { return l.pick("Mail", "邮件") }
func (l Lang) SectionKeys() string {
	return l.pick("Key defaults and bounds", "密钥默认值与上限")
}
func (l Lang) SectionLogging() string  { return l.pick("Logging and retention", "日志与保留") }
func (l Lang) SectionAlerts() string   { return l.pick("Alerts", "告警") }
func (l Lang) FromEnvironment() string { return l.pick("environment", "环境变量") }
func (l Lang) FromConfigFile() string  { return l.pick("config.yaml", "config.yaml") }
func (l Lang) SetHere() string         { return l.pick("set here", "在此设置") }
func (l Lang) DefaultValue() string    { return l.pick("default", "默认值") }
func (l Lang) LockedByEnvironment() string {
	return l.pick("Set by the environment; change it there.", "由环境变量设定，请在那里修改。")
}

func (l Lang) LockedByConfig() string {
	return l.pick("Set by config.yaml; change it there.", "由 config.yaml 设定，请在那里修改。")
}
func (l Lang) TestDone() string     { return l.pick("It works.", "测试通过。") }
func (l Lang) TryOut() string       { return l.pick("Try it out", "测试") }
func (l Lang) SendTestMail() string { return l.pick("Send a test mail", "发送测试邮件") }

func (l Lang) TestSSO() string { return l.pick("Test single sign-on", "测试单点登录") }

func (l Lang) TestWebhook() string          { return l.pick("Send a test alert", "发送测试告警") }
func (l Lang) TestFailed(why string) string { return l.fill("It failed: %s", "失败：%s", why) }
