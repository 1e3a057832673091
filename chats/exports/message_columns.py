"""What a line of exported messages contains. The text, the payload and the files of a deleted message are left out."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chats.media.message_files import FileKey, key_of
from chats.models import Attachment, Message, MessageStatus, Origin
from contacts.csv.columns import Column
from contacts.csv.exports import BOM, csv_text, time_cell

COLUMNS = (
    Column("sent_at", ("hora", "time", "hora")),
    Column("number", ("nosso número", "our number", "nuestro número")),
    Column("wa_id", ("telefone (internacional)", "phone (international)", "teléfono (internacional)")),
    Column("user_id", ("id de usuário", "user id", "id de usuario")),
    Column("contact", ("contato", "contact", "contacto")),
    Column("direction", ("recebida ou enviada", "received or sent", "recibido o enviado")),
    Column("origin", ("quem escreveu", "written by", "escrito por")),
    Column("member", ("membro da equipe", "member", "miembro del equipo")),
    Column("kind", ("tipo", "kind", "tipo")),
    Column("text", ("texto", "text", "texto")),
    Column("files", ("arquivos", "files", "archivos")),
    Column("media_ids", ("ids dos arquivos", "media ids", "ids de los archivos")),
    Column("status", ("situação", "status", "estado")),
    Column("session", ("sessão", "session", "sesión")),
    Column("wamid", ("id da mensagem", "message id", "id del mensaje")),
    Column("quoted_wamid", ("responde a", "answers", "responde a")),
    Column("target_wamid", ("refere-se a", "acts on", "se refiere a")),
)
FilesOf = Mapping[FileKey, Sequence[Attachment]]


def message_headers(language: str) -> str:
    """Returns the beginning of a CSV file with messages."""
    return BOM + csv_text([[column.header(language) for column in COLUMNS]], language)


def message_cells(messages: Sequence[Message], files: FilesOf, numbers: Mapping[str, str], zone: ZoneInfo) -> Iterator[list[str]]:
    """Yields the cells of each message in the order of COLUMNS, with words in the current language. `numbers` names the numbers
    by phone number ID."""
    for each in messages:
        own = _files(each, files)
        direction = MessageStatus.RECEIVED if each.is_user_message else MessageStatus.SENT
        yield [
            time_cell(each.create_in, zone),
            numbers.get(each.phone_number_id, each.phone_number_id),
            each.contact.wa_id or "",
            each.contact.bsuid or "",
            str(each.contact),
            str(direction.label),
            str(Origin(each.origin).label),
            _author(each) or "",
            each.kind,
            _text(each),
            ", ".join(file.file_name or file.kind for file in own),
            ", ".join(file.media_id for file in own if file.media_id),
            str(MessageStatus(each.message_status).label),
            str(each.session_id),
            each.wamid or "",
            each.quoted_wamid,
            each.target_wamid or "",
        ]


def message_objects(messages: Sequence[Message], files: FilesOf, zone: ZoneInfo) -> Iterator[dict[str, Any]]:
    """Yields the messages with the names that the API gives their fields."""
    for each in messages:
        yield {
            "wamid": each.wamid,
            "number": each.phone_number_id,
            "contact": {"wa_id": each.contact.wa_id, "bsuid": each.contact.bsuid, "name": str(each.contact)},
            "sent_at": each.create_in.astimezone(zone).isoformat(),
            "from_customer": each.is_user_message,
            "origin": each.origin,
            "written_by": _author(each),
            "api_key": each.api_key_name,
            "kind": each.kind,
            "text": _text(each),
            "files": [_file_object(file) for file in _files(each, files)],
            "payload": None if each.revoked_at else each.payload,
            "status": each.message_status,
            "session": str(each.session_id),
            "quoted_wamid": each.quoted_wamid,
            "target_wamid": each.target_wamid,
            "reactions": each.reactions,
            "edited_at": each.edited_at.astimezone(zone).isoformat() if each.edited_at else None,
            "deleted_at": each.revoked_at.astimezone(zone).isoformat() if each.revoked_at else None,
        }


def _text(message: Message) -> str:
    return "" if message.revoked_at else message.edited_content or message.content


def _author(message: Message) -> str | None:
    author = message.written_by
    return (author.name or author.email) if author else None


def _files(message: Message, files: FilesOf) -> Sequence[Attachment]:
    return () if message.revoked_at else files.get(key_of(message), ())


def _file_object(file: Attachment) -> dict[str, Any]:
    columns = ("kind", "file_name", "mime_type", "media_id", "sha256", "size")
    return {column: getattr(file, column) for column in columns}
