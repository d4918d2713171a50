"""What every way to an API server must do, be the server a real one or in memory.

A test module imports :class:`ApiContract`, subclasses it and provides the fixture ``place``: an :class:`Api` and an
empty namespace on a server that runs no controllers.
"""

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

import pytest

from flyball.errors import ClusterError, Code
from flyball.kubernetes import Api, Changed, Found, Gone, Object, Synced, everything, follow
from flyball.kubernetes.port import Resource
from flyball.kubernetes.resources import CONFIG_MAPS, DISRUPTION_BUDGETS, PODS

LIMIT = 30
"""Seconds after which a wait has failed."""


@dataclass(frozen=True)
class Place:
    api: Api
    namespace: str

    def config(self, name: str = "a", data: dict[str, str] | None = None, **metadata: object) -> Object:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"namespace": self.namespace, "name": name, **metadata},
            "data": {"k": "v"} if data is None else data,
        }

    def budget(self, allowed: int = 1, **metadata: object) -> Object:
        return {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"namespace": self.namespace, "name": "a", **metadata},
            "spec": {"maxUnavailable": allowed, "selector": {"matchLabels": {"app": "a"}}},
        }

    def pod(self, name: str = "p", **spec: object) -> Object:
        containers = [{"name": "mysqld", "image": "mysql:9.7", "ports": [{"containerPort": 3306, "protocol": "TCP"}]}]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": self.namespace, "name": name, "labels": {"app": "a"}},
            "spec": {"containers": containers, **spec},
        }

    async def get(self, resource: Resource, name: str = "a") -> Object:
        found = await self.api.get(resource, self.namespace, name)
        assert found is not None
        return found

    async def names(self, labels: dict[str, str] | None = None) -> str:
        return "".join(
            thing["metadata"]["name"]
            for thing in await everything(self.api, CONFIG_MAPS, self.namespace, labels=labels)
            if thing["metadata"]["name"] != "kube-root-ca.crt"
        )


async def raises(code: Code, awaitable: object) -> ClusterError:
    with pytest.raises(ClusterError) as caught:
        await awaitable
    assert caught.value.code is code, caught.value
    assert caught.value.next_step
    return caught.value


def with_data(thing: Object, **data: str) -> Object:
    return {**thing, "data": data}


def finalized(thing: Object, *finalizers: str) -> Object:
    return {**thing, "metadata": {**thing["metadata"], "finalizers": list(finalizers)}}


class ApiContract:
    """Subclass it beside a fixture ``place``."""

    # --- reading and creating ----------------------------------------------------------------------

    async def test_what_is_not_there_is_none(self, place: Place) -> None:
        assert await place.api.get(CONFIG_MAPS, place.namespace, "a") is None

    async def test_a_created_object_is_read_as_it_was_returned(self, place: Place) -> None:
        created = await place.api.create(CONFIG_MAPS, place.config(labels={"x": "y"}))
        assert await place.get(CONFIG_MAPS) == created
        assert created["data"] == {"k": "v"}
        assert created["metadata"]["labels"] == {"x": "y"}
        assert created["metadata"]["uid"]
        assert created["metadata"]["resourceVersion"]
        assert "managedFields" not in created["metadata"]

    async def test_a_name_is_taken_once(self, place: Place) -> None:
        await place.api.create(CONFIG_MAPS, place.config())
        error = await raises(Code.API_EXISTS, place.api.create(CONFIG_MAPS, place.config()))
        assert '"a" already exists' in error.message

    async def test_an_object_that_cannot_be_is_refused_in_the_servers_words(self, place: Place) -> None:
        error = await raises(Code.API_INVALID, place.api.create(CONFIG_MAPS, place.config("Not_A_Name")))
        assert "metadata.name" in error.message

    async def test_pages_give_every_object_once(self, place: Place) -> None:
        for name in "abcdefg":
            await place.api.create(CONFIG_MAPS, place.config(name, labels={"mine": "yes"}))
        seen, after, pages = "", "", 0
        while True:
            page = await place.api.list(CONFIG_MAPS, place.namespace, labels={"mine": "yes"}, limit=3, after=after)
            assert len(page.items) <= 3
            assert {thing["kind"] for thing in page.items} == {"ConfigMap"}
            assert {thing["apiVersion"] for thing in page.items} == {"v1"}
            seen, after, pages = (
                seen + "".join(thing["metadata"]["name"] for thing in page.items),
                page.after,
                pages + 1,
            )
            if not after:
                break
        assert (seen, pages) == ("abcdefg", 3)

    async def test_a_list_gives_what_is_asked_for(self, place: Place) -> None:
        await place.api.create(CONFIG_MAPS, place.config("a", labels={"x": "1", "y": "1"}))
        await place.api.create(CONFIG_MAPS, place.config("b", labels={"x": "1"}))
        await place.api.create(CONFIG_MAPS, place.config("c"))
        assert await place.names() == "abc"
        assert await place.names({"x": "1"}) == "ab"
        assert await place.names({"x": "1", "y": "1"}) == "a"
        named = await place.api.list(CONFIG_MAPS, place.namespace, name="b")
        assert [thing["metadata"]["name"] for thing in named.items] == ["b"]
        everywhere = await everything(place.api, CONFIG_MAPS, labels={"x": "1"})
        assert {"a", "b"} <= {thing["metadata"]["name"] for thing in everywhere}

    # --- replacing and patching --------------------------------------------------------------------

    async def test_an_object_is_replaced_whole(self, place: Place) -> None:
        before = await place.api.create(CONFIG_MAPS, place.config(data={"a": "1", "b": "2"}))
        after = await place.api.replace(CONFIG_MAPS, with_data(before, b="3"))
        assert after["data"] == {"b": "3"}
        assert after["metadata"]["uid"] == before["metadata"]["uid"]
        assert after["metadata"]["resourceVersion"] != before["metadata"]["resourceVersion"]

    async def test_an_old_version_replaces_nothing(self, place: Place) -> None:
        old = await place.api.create(CONFIG_MAPS, place.config())
        new = await place.api.replace(CONFIG_MAPS, with_data(old, k="w"))
        await raises(Code.API_CONFLICT, place.api.replace(CONFIG_MAPS, with_data(old, k="x")))
        assert await place.get(CONFIG_MAPS) == new

    async def test_a_write_that_changes_nothing_is_no_new_version(self, place: Place) -> None:
        before = await place.api.create(CONFIG_MAPS, place.config())
        assert await place.api.replace(CONFIG_MAPS, before) == before
        assert await place.api.patch(CONFIG_MAPS, place.namespace, "a", {"data": {"k": "v"}}) == before

    async def test_replacing_what_is_not_there_says_so(self, place: Place) -> None:
        gone = place.config(resourceVersion="1", uid="x")
        await raises(Code.API_NOT_FOUND, place.api.replace(CONFIG_MAPS, gone))
        await raises(Code.API_NOT_FOUND, place.api.patch(CONFIG_MAPS, place.namespace, "a", {"data": {"k": "w"}}))
        await raises(Code.API_NOT_FOUND, place.api.delete(CONFIG_MAPS, place.namespace, "a"))

    async def test_a_status_and_the_rest_are_written_apart(self, place: Place) -> None:
        made = await place.api.create(DISRUPTION_BUDGETS, place.budget())
        status = {"disruptionsAllowed": 2, "currentHealthy": 3, "desiredHealthy": 1, "expectedPods": 3}
        both = {**made, "spec": {**made["spec"], "maxUnavailable": 2}, "status": status}
        after = await place.api.replace(DISRUPTION_BUDGETS, both, subresource="status")
        assert after["spec"]["maxUnavailable"] == 1
        assert after["status"]["disruptionsAllowed"] == 2
        assert after["metadata"]["generation"] == 1
        both = {**after, "spec": {**made["spec"], "maxUnavailable": 2}, "status": {**status, "disruptionsAllowed": 0}}
        after = await place.api.replace(DISRUPTION_BUDGETS, both)
        assert after["spec"]["maxUnavailable"] == 2
        assert after["status"]["disruptionsAllowed"] == 2
        assert after["metadata"]["generation"] == 2

    async def test_a_patch_changes_what_it_names(self, place: Place) -> None:
        before = await place.api.create(CONFIG_MAPS, place.config(data={"a": "1", "b": "2"}, labels={"x": "y"}))
        change = {"metadata": {"labels": {"x": None, "z": "1"}}, "data": {"a": None, "c": "3"}}
        after = await place.api.patch(CONFIG_MAPS, place.namespace, "a", change)
        assert after["data"] == {"b": "2", "c": "3"}
        assert after["metadata"]["labels"] == {"z": "1"}
        old = {"metadata": {"resourceVersion": before["metadata"]["resourceVersion"]}, "data": {"a": "1"}}
        await raises(Code.API_CONFLICT, place.api.patch(CONFIG_MAPS, place.namespace, "a", old))

    async def test_a_patch_of_the_status(self, place: Place) -> None:
        await place.api.create(PODS, place.pod())
        change = {"status": {"phase": "Running"}}
        after = await place.api.patch(PODS, place.namespace, "p", change, subresource="status")
        assert after["status"]["phase"] == "Running"
        assert after["spec"]["containers"][0]["name"] == "mysqld"

    # --- applying ----------------------------------------------------------------------------------

    async def test_apply_creates_and_takes_off_what_it_leaves_out(self, place: Place) -> None:
        first = await place.api.apply(CONFIG_MAPS, place.config(data={"a": "1", "b": "2"}, labels={"x": "y"}), "me")
        assert first["data"] == {"a": "1", "b": "2"}
        second = await place.api.apply(CONFIG_MAPS, place.config(data={"a": "1", "c": "3"}), "me")
        assert second["data"] == {"a": "1", "c": "3"}
        assert "labels" not in second["metadata"]

    async def test_applying_the_same_again_is_no_new_version(self, place: Place) -> None:
        first = await place.api.apply(PODS, place.pod(), "me")
        again = await place.api.apply(PODS, place.pod(), "me")
        assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]

    async def test_managers_share_an_object(self, place: Place) -> None:
        await place.api.apply(CONFIG_MAPS, place.config(data={"a": "1"}), "one")
        await place.api.apply(CONFIG_MAPS, place.config(data={"b": "2"}), "two")
        after = await place.api.apply(CONFIG_MAPS, place.config(data={"a": "3"}), "one")
        assert after["data"] == {"a": "3", "b": "2"}
        after = await place.api.apply(CONFIG_MAPS, place.config(data={}), "two")
        assert after["data"] == {"a": "3"}

    async def test_a_field_that_another_owns_is_a_conflict_unless_forced(self, place: Place) -> None:
        await place.api.apply(CONFIG_MAPS, place.config(data={"a": "1"}), "one")
        error = await raises(Code.API_CONFLICT, place.api.apply(CONFIG_MAPS, place.config(data={"a": "2"}), "two"))
        assert '"one"' in error.message
        assert ".data.a" in error.message
        forced = await place.api.apply(CONFIG_MAPS, place.config(data={"a": "2"}), "two", force=True)
        assert forced["data"] == {"a": "2"}
        await raises(Code.API_CONFLICT, place.api.apply(CONFIG_MAPS, place.config(data={"a": "1"}), "one"))

    async def test_the_same_value_may_be_owned_by_two(self, place: Place) -> None:
        await place.api.apply(CONFIG_MAPS, place.config(data={"a": "1"}), "one")
        await place.api.apply(CONFIG_MAPS, place.config(data={"a": "1"}), "two")
        after = await place.api.apply(CONFIG_MAPS, place.config(data={}), "one")
        assert after["data"] == {"a": "1"}
        after = await place.api.apply(CONFIG_MAPS, place.config(data={}), "two")
        assert not after.get("data")

    async def test_what_was_written_otherwise_is_owned_too(self, place: Place) -> None:
        await place.api.create(CONFIG_MAPS, place.config(data={"a": "1"}))
        await raises(Code.API_CONFLICT, place.api.apply(CONFIG_MAPS, place.config(data={"a": "2"}), "me"))
        after = await place.api.apply(CONFIG_MAPS, place.config(data={"b": "2"}), "me")
        assert after["data"] == {"a": "1", "b": "2"}

    async def test_items_of_keyed_lists_are_applied_one_by_one(self, place: Place) -> None:
        await place.api.apply(PODS, place.pod(), "me")
        reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "x", "uid": "1"}
        wanted = place.config("b", ownerReferences=[reference])
        await place.api.apply(CONFIG_MAPS, wanted, "one")
        other = place.config("b", ownerReferences=[{**reference, "name": "y", "uid": "2"}])
        after = await place.api.apply(CONFIG_MAPS, other, "two")
        assert {each["uid"] for each in after["metadata"]["ownerReferences"]} == {"1", "2"}
        after = await place.api.apply(CONFIG_MAPS, place.config("b"), "one")
        assert {each["uid"] for each in after["metadata"]["ownerReferences"]} == {"2"}

    async def test_an_applied_status_leaves_the_rest(self, place: Place) -> None:
        await place.api.apply(PODS, place.pod(), "me")
        ready = {"type": "Ready", "status": "True"}
        wanted = {**place.pod(), "status": {"conditions": [ready]}}
        del wanted["spec"]
        after = await place.api.apply(PODS, wanted, "me", subresource="status")
        assert [each["status"] for each in after["status"]["conditions"] if each["type"] == "Ready"] == ["True"]
        assert after["spec"]["containers"][0]["name"] == "mysqld"

    async def test_applying_to_an_object_made_anew_is_refused_by_uid(self, place: Place) -> None:
        made = await place.api.create(CONFIG_MAPS, place.config())
        await place.api.delete(CONFIG_MAPS, place.namespace, "a")
        await place.api.create(CONFIG_MAPS, place.config())
        wanted = place.config(data={"b": "1"}, uid=made["metadata"]["uid"])
        await raises(Code.API_INVALID, place.api.apply(CONFIG_MAPS, wanted, "me"))

    # --- deleting ----------------------------------------------------------------------------------

    async def test_a_deletion_says_which_object_it_means(self, place: Place) -> None:
        first = await place.api.create(CONFIG_MAPS, place.config())
        second = await place.api.replace(CONFIG_MAPS, with_data(first, k="w"))
        old, new = first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]
        delete = place.api.delete
        await raises(Code.API_CONFLICT, delete(CONFIG_MAPS, place.namespace, "a", uid="another"))
        await raises(Code.API_CONFLICT, delete(CONFIG_MAPS, place.namespace, "a", revision=old))
        assert await place.get(CONFIG_MAPS) == second
        await delete(CONFIG_MAPS, place.namespace, "a", uid=first["metadata"]["uid"], revision=new)
        assert await place.api.get(CONFIG_MAPS, place.namespace, "a") is None

    async def test_a_finalizer_holds_a_deleted_object_back(self, place: Place) -> None:
        await place.api.create(CONFIG_MAPS, finalized(place.config(), "flyball.dev/a", "flyball.dev/b"))
        await place.api.delete(CONFIG_MAPS, place.namespace, "a")
        held = await place.get(CONFIG_MAPS)
        assert held["metadata"]["deletionTimestamp"]
        await place.api.delete(CONFIG_MAPS, place.namespace, "a")
        assert await place.get(CONFIG_MAPS) == held
        more = finalized(held, "flyball.dev/a", "flyball.dev/b", "flyball.dev/c")
        await raises(Code.API_INVALID, place.api.replace(CONFIG_MAPS, more))
        held = await place.api.replace(CONFIG_MAPS, finalized(held, "flyball.dev/b"))
        await place.api.replace(CONFIG_MAPS, finalized(held))
        assert await place.api.get(CONFIG_MAPS, place.namespace, "a") is None

    async def test_a_pod_without_a_node_goes_at_once(self, place: Place) -> None:
        await place.api.create(PODS, place.pod())
        await place.api.delete(PODS, place.namespace, "p")
        assert await place.api.get(PODS, place.namespace, "p") is None

    async def test_a_pod_on_a_node_stays_until_the_node_lets_it_go(self, place: Place) -> None:
        await place.api.create(PODS, place.pod(nodeName="n"))
        await place.api.delete(PODS, place.namespace, "p", grace=60)
        held = await place.get(PODS, "p")
        assert held["metadata"]["deletionTimestamp"]
        assert held["metadata"]["deletionGracePeriodSeconds"] == 60
        await place.api.delete(PODS, place.namespace, "p", uid=held["metadata"]["uid"], grace=0)
        assert await place.api.get(PODS, place.namespace, "p") is None

    # --- watching ----------------------------------------------------------------------------------

    async def test_a_watch_tells_every_change_since(self, place: Place) -> None:
        since = (await place.api.list(CONFIG_MAPS, place.namespace)).revision
        a = await place.api.create(CONFIG_MAPS, place.config("a", labels={"x": "y"}))
        await place.api.create(CONFIG_MAPS, place.config("b"))
        changed = await place.api.replace(CONFIG_MAPS, with_data(a, k="w"))
        bare = await place.api.patch(CONFIG_MAPS, place.namespace, "a", {"metadata": {"labels": None}})
        seen = []
        watch = place.api.watch(CONFIG_MAPS, place.namespace, since=since, labels={"x": "y"})
        async with asyncio.timeout(LIMIT), aclosing(watch):
            async for change in watch:
                if change.changed is not Changed.BOOKMARK:
                    seen.append((change.changed, change.object["metadata"]["name"], change.object["data"]["k"]))
                if change.changed is Changed.DELETED:
                    assert change.revision == bare["metadata"]["resourceVersion"]
                    break
        expected = [(Changed.ADDED, "a", "v"), (Changed.MODIFIED, "a", "w"), (Changed.DELETED, "a", "w")]
        assert seen == expected
        assert changed["data"] == {"k": "w"}

    async def test_a_watch_waits_for_what_comes(self, place: Place) -> None:
        since = (await place.api.list(CONFIG_MAPS, place.namespace)).revision
        watch = place.api.watch(CONFIG_MAPS, place.namespace, since=since, name="a")
        async with aclosing(watch):
            coming = asyncio.create_task(anext(watch))
            await place.api.create(CONFIG_MAPS, place.config("b"))
            made = await place.api.create(CONFIG_MAPS, place.config("a"))
            change = await asyncio.wait_for(coming, LIMIT)
            assert (change.changed, change.object) == (Changed.ADDED, made)

    async def test_a_watch_that_waits_can_be_cancelled(self, place: Place) -> None:
        since = (await place.api.list(CONFIG_MAPS, place.namespace)).revision
        watch = place.api.watch(CONFIG_MAPS, place.namespace, since=since, name="nobody")
        waiting = asyncio.create_task(anext(watch))
        await asyncio.wait({waiting}, timeout=0.2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(waiting, LIMIT)
        assert await place.api.get(CONFIG_MAPS, place.namespace, "nobody") is None

    async def test_following_tells_what_there_is_and_what_comes(self, place: Place) -> None:
        first = await place.api.create(CONFIG_MAPS, place.config("a", labels={"x": "y"}))
        stream = follow(place.api, CONFIG_MAPS, place.namespace, labels={"x": "y"})
        async with asyncio.timeout(LIMIT), aclosing(stream):
            assert await anext(stream) == Found(first)
            assert await anext(stream) == Synced()
            await place.api.delete(CONFIG_MAPS, place.namespace, "a")
            assert await anext(stream) == Gone((place.namespace, "a"), first["metadata"]["uid"])
            second = await place.api.create(CONFIG_MAPS, place.config("a", labels={"x": "y"}))
            assert await anext(stream) == Found(second)
            second = await place.api.replace(CONFIG_MAPS, with_data(second, k="w"))
            assert await anext(stream) == Found(second)
