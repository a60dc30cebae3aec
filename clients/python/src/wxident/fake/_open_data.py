"""How the fake answers calls about what WeChat encrypted."""

from __future__ import annotations

import json

from wxident.errors import Reason
from wxident.fake._faults import Fault, invalid
from wxident.fake._traffic import Calls, answering
from wxident.v1 import identity_service_pb2 as pb


class OpenDataCalls(Calls):
    """DecryptPhone and DecryptUserData."""

    @answering
    def DecryptPhone(self, request: pb.DecryptPhoneRequest) -> pb.DecryptPhoneResponse:
        world = self.world
        which = request.WhichOneof("source")
        if which is None:
            raise invalid("source", "is required: encrypted or phone_code")
        session = world.must_be_active(request.session_token)
        if which == "encrypted":
            opened = world.decrypt(
                session, request.encrypted.encrypted_data, request.encrypted.iv
            )
        else:
            code = world.take_code("phone", session.app_id, request.phone_code)
            if code.used:
                raise Fault(
                    Reason.LOGIN_CODE_CONSUMED,
                    "the phone code has been used; get a new one",
                    errcode="40163",
                )
            code.used = True
            opened = {}
        number = str(opened.get("purePhoneNumber", "13800138000"))
        answer = pb.DecryptPhoneResponse()
        answer.phone.phone_number = str(opened.get("phoneNumber", number))
        answer.phone.pure_phone_number = number
        answer.phone.country_code = str(opened.get("countryCode", "86"))
        answer.watermark_time.FromDatetime(world.now())
        session.person.user.phone_linked = True
        return answer

    @answering
    def DecryptUserData(
        self, request: pb.DecryptUserDataRequest
    ) -> pb.DecryptUserDataResponse:
        session = self.world.must_be_active(request.session_token)
        opened = self.world.decrypt(session, request.encrypted_data, request.iv)
        answer = pb.DecryptUserDataResponse(json=json.dumps(opened, ensure_ascii=False))
        answer.watermark_time.FromDatetime(self.world.now())
        return answer
