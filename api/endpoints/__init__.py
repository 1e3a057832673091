"""What all URLs of the API have in common.

Modules and what other packages use of them:

    views        the base class of views: ApiView, NoSuchUrl
    values       fields and serializers that refuse what they do not know: StrictSerializer, Text, Flag, QueryFlag, Decimal,
                 SealedId, StorableJson, invalid
    ids          ids that cannot be counted or guessed: IdKind, seal, unseal, unseal_pk
    pages        lists, page by page: ListQuery, OnePageQuery, page_of, page_response, read_cursor, respond_by_pk
    filters      filters of lists: filter_rows, query_with
    operations   the description of an operation for the OpenAPI document: operation
    schema       the OpenAPI document: HubSchema
"""
