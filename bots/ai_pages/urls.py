"""The pages of an AI, below /o/<organization>/settings/bots/."""

from django.urls import path

from bots.ai_pages.views import connections, limits, proofs, settings, tools, versions

urlpatterns = [
    path("ai/new/", connections.new_ai, name="ai_new"),
    path("<row:ai_id>/ai/", settings.ai_bot, name="ai_bot"),
    path("<row:ai_id>/ai/connection/", connections.connection, name="ai_connection"),
    path("<row:ai_id>/ai/check/", connections.check, name="ai_check"),
    path("<row:ai_id>/ai/tools/", tools.tools, name="ai_tools"),
    path("<row:ai_id>/ai/tools/new/", tools.new_tool, name="ai_tool_new"),
    path("<row:ai_id>/ai/tools/edit/<slug:tool_name>/", tools.edit_tool, name="ai_tool"),
    path("<row:ai_id>/ai/tools/delete/<slug:tool_name>/", tools.remove_tool, name="ai_tool_delete"),
    path("<row:ai_id>/ai/limits/", limits.limits, name="ai_limits"),
    path("<row:ai_id>/ai/proofs/", proofs.proofs, name="ai_proofs"),
    path("<row:ai_id>/ai/proofs/results/", proofs.results, name="ai_proof_results"),
    path("<row:ai_id>/ai/proofs/run/", proofs.run, name="ai_proof_run"),
    path("<row:ai_id>/ai/proofs/new/", proofs.new_proof, name="ai_proof_new"),
    path("<row:ai_id>/ai/proofs/<row:proof_id>/", proofs.edit_proof, name="ai_proof"),
    path("<row:ai_id>/ai/proofs/<row:proof_id>/delete/", proofs.remove_proof, name="ai_proof_delete"),
    path("<row:ai_id>/ai/question/", proofs.question, name="ai_question"),
    path("<row:ai_id>/ai/question/answer/", proofs.question_answer, name="ai_question_answer"),
    path("<row:ai_id>/ai/publish/", versions.publish, name="ai_publish"),
    path("<row:ai_id>/ai/unpublish/", versions.unpublish, name="ai_unpublish"),
    path("<row:ai_id>/ai/versions/", versions.versions, name="ai_versions"),
    path("<row:ai_id>/ai/versions/<row:ai_version_id>/", versions.version, name="ai_version"),
    path("<row:ai_id>/ai/versions/<row:ai_version_id>/restore/", versions.restore, name="ai_version_restore"),
]
