"""Forms of the pages of an AI.

fields            fields that several forms have: LinesField, MoneyField, NumberField, TextField
connection_forms  where an AI is reached: ConnectionForm, NewAiForm, presets_of
settings_forms    what an AI must know: SettingsForm
tool_forms        a web call that the model may make: ToolForms
limit_forms       what an AI may use: LimitForm
proof_forms       a question with what its answer must contain: ProofForm, QuestionForm
"""
